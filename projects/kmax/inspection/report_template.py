"""Jinja template of the report; it needs no other file."""

TEMPLATE = """{% extends "page" %}
{% block title %}{{ title }}: data sets{% endblock %}
{% block body %}
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
{% endblock %}
"""
