"""Jinja template of the report; it needs no other file."""

TEMPLATE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}: data sets</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1120px; margin: 2em auto;
  padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin-top: 2em }
img { max-width: 100%; height: auto } figure { margin: 0 }
figcaption, .note { color: #666; font-size: .9em }
table { border-collapse: collapse } td, th { padding: .15em .8em .15em 0; text-align: left;
  vertical-align: top } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
tr:hover td { background: #f5f5f5 } th { border-bottom: 1px solid #ccc }
.zero { color: #b00020; font-weight: 600 }
.verdict { padding: .6em 1em; border-radius: 6px; background: #e6f4ea }
.verdict.warn { background: #fff4df } .verdict.bad { background: #fde7e9 }
.badge { font-size: .8em; padding: .1em .5em; border-radius: 4px; background: #fff4df }
.swatch { display: inline-block; width: .9em; height: .9em; border-radius: 2px;
  margin-right: .4em; vertical-align: -.05em }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 1em }
li { overflow-wrap: anywhere } summary { cursor: pointer }
</style></head><body>
<h1>Data sets of {{ title }}</h1>
<p class="verdict {{ 'bad' if sections.Faults else 'warn' if sections.Warnings else '' }}">
{{- count[0]|upper }}{{ count[1:] }}.</p>
{% for heading, groups in sections.items() if groups %}<h2>{{ heading }}</h2>
<p class="note">{% if heading == 'Faults' %}Training stops at the first that it meets.
{%- else %}Training goes on.{% endif %}</p>
{% for kind, messages in groups %}<details {{ 'open' if loop.index <= 5 }}>
<summary><b>{{ kind.value }}</b>: {{ messages|length }}</summary>
<ul>{% for message in messages[:max_listed] %}<li>{{ message }}</li>{% endfor %}
{% if messages|length > max_listed %}<li>and {{ messages|length - max_listed }} more</li>
{% endif %}</ul></details>{% endfor %}{% endfor %}
<h2>Contents</h2>
<table><tr><th></th>{% for name, _ in summaries %}<th>{{ name }}</th>{% endfor %}</tr>
{% for key in summaries[0][1] %}<tr><td>{{ key }}</td>
{% for _, figures in summaries %}<td>{{ figures[key] }}</td>{% endfor %}</tr>{% endfor %}</table>
{% if num_queries %}<p class="note">The model has {{ num_queries }} queries: the most segments it
can find, and learn from, in one image.</p>{% endif %}
<h2>Distributions</h2>
<img alt="sizes of images and segments, segments per image, void" src="{{ distributions }}">
{% for group in classes %}<h2>Classes of {{ group.names|join(', ') }}</h2>
<img alt="share of images and pixels of each class" src="{{ group.chart }}">
<details {{ 'open' if group.rows|length <= 20 }}><summary>Table</summary>
<table><tr><th class="n">label</th><th>class</th><th></th>{% for name in group.names %}
<th class="n">{{ name }}: images</th><th class="n">segments</th><th class="n">pixels</th>
{% endfor %}</tr>{% for row in group.rows %}<tr><td class="n">{{ row.label }}</td>
<td><span class="swatch" style="background:{{ row.color }}"></span>{{ row.name }}</td>
<td>{{ row.kind }}</td>{% for counts in row.counts %}{% for count in counts %}
<td class="n{{ ' zero' if not count }}">{{ count }}</td>{% endfor %}{% endfor %}</tr>
{% endfor %}</table></details>{% endfor %}
{% for dataset in datasets %}{% for heading, pictures in dataset.pictures %}
<h2>{{ heading }} of {{ dataset.name }}</h2>
<p class="note">Right: segments in the colours of their classes; grey is void, crowd, or an id that
the JSON lacks.</p>
<div class="grid">{% for picture in pictures %}<figure><img alt="" src="{{ picture.source }}">
<figcaption>{{ picture.name }} (id {{ picture.id }}), {{ picture.size }},
{{ picture.segments }} segments, {{ picture.void }} % void
{%- for kind in picture.kinds %} <span class="badge">{{ kind }}</span>{% endfor %}
</figcaption></figure>
{% endfor %}</div>{% endfor %}{% endfor %}
</body></html>
"""
