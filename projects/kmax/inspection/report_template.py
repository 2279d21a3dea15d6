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
.badge.bad { background: #fde7e9; color: #b00020 }
.swatch { display: inline-block; width: .9em; height: .9em; border-radius: 2px;
  margin-right: .4em; vertical-align: -.05em }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 1em }
li { overflow-wrap: anywhere } summary { cursor: pointer }
</style></head><body>
<h1>Data sets of {{ title }}</h1>
<p class="verdict {{ 'bad' if stops else 'warn' if num_faults else '' }}">
{%- if num_faults %}{{ num_faults }} fault{{ 's' if num_faults > 1 }} of {{ groups|length }}
kind{{ 's' if groups|length > 1 }};
{%- if stops %} training stops at the first that it meets of those marked so.
{%- else %} training goes on all the same.{% endif %}
{%- else %}No faults found.{% endif %}</p>
{% if groups %}<h2>Faults</h2>
{% for kind, count, messages in groups %}<details {{ 'open' if loop.index <= 5 }}>
<summary><b>{{ kind.value }}</b>: {{ count }}
{% if kind.stops_training %}<span class="badge bad">stops training</span>
{% else %}<span class="badge">training goes on</span>{% endif %}</summary>
<ul>{% for message in messages %}<li>{{ message }}</li>{% endfor %}
{% if count > messages|length %}<li>and {{ count - messages|length }} more</li>{% endif %}</ul>
</details>{% endfor %}{% endif %}
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
<h2>{{ heading or 'Pictures' }} of {{ dataset.name }}</h2>
<p class="note">Right: segments in the colours of their classes; grey is void, crowd, or an id that
the JSON lacks.</p>
<div class="grid">{% for picture in pictures %}<figure><img alt="" src="{{ picture.source }}">
<figcaption>{{ picture.name }} (id {{ picture.id }}), {{ picture.size }},
{{ picture.segments }} segments, {{ picture.void }} % void
{%- if picture.faulty %} <span class="badge bad">faulty</span>{% endif %}</figcaption></figure>
{% endfor %}</div>{% endfor %}{% endfor %}
</body></html>
"""
