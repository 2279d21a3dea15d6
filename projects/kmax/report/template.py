"""Jinja templates of the reports; they need no other file."""

SORTING = """<script>
for (const table of document.querySelectorAll('table.sortable')) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  const value = (row, place) => {
    const cell = row.cells[place], text = cell.dataset.value ?? cell.textContent.trim();
    return text === '' || isNaN(text) ? text : Number(text);
  };
  heads.forEach((head, place) => {
    head.tabIndex = 0;
    const sort = () => {
      const down = head.getAttribute('aria-sort') !== 'descending';
      heads.forEach(other => other.removeAttribute('aria-sort'));
      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const rows = [...body.rows].sort((a, b) => {
        const x = value(a, place), y = value(b, place);
        const order = typeof x === 'number' && typeof y === 'number'
          ? x - y : String(x).localeCompare(String(y));
        return down ? -order : order;
      });
      body.append(...rows);
    };
    head.addEventListener('click', sort);
    head.addEventListener('keydown', event => { if (event.key === 'Enter') sort(); });
  });
}
</script>"""

STYLE = """.sortable th { cursor: pointer }
.sortable th[aria-sort=descending]::after { content: ' ▾' }
.sortable th[aria-sort=ascending]::after { content: ' ▴' }
.panels { display: grid; gap: .4em; grid-template-columns: repeat(4, 1fr); margin: .3em 0 }
@media (max-width: 700px) { .panels { grid-template-columns: repeat(2, 1fr) } }
.panels img { width: 100% } figure { margin-bottom: 1.2em }
.sortable td:first-child { white-space: nowrap } td.wide { min-width: 18em }"""

QUALITY = """<table><thead><tr><th></th><th class="n">PQ</th><th class="n">SQ</th>
<th class="n">RQ</th><th class="n">Boundary PQ</th><th class="n">classes</th></tr></thead><tbody>
{% for group, found in quality.items() %}<tr><td>{{ group }}</td>
{% for name in ('pq', 'sq', 'rq') %}<td class="n">{{ '%.2f'|format(found[name]) }}</td>{% endfor %}
<td class="n">{{ '%.2f'|format(boundary[group].pq) }}</td><td class="n">{{ found.n }}</td></tr>
{% endfor %}</tbody></table>"""

REPORT = (
    """{% extends "page" %}
{% block title %}{{ origin.checkpoint }}: evaluation{% endblock %}
{% block style %}"""
    + STYLE
    + """{% endblock %}
{% block body %}
<h1>Evaluation of {{ origin.checkpoint }}</h1>
<p class="verdict">PQ {{ '%.2f'|format(quality.All.pq) }} on {{ images|length }} images,
{{ '%.2f'|format(quality.Things.pq) }} of things, {{ '%.2f'|format(quality.Stuff.pq) }} of
stuff.</p>
"""
    + QUALITY
    + """
<p class="note">In percent, by panopticapi's rules, as the metric of COCO and of Cityscapes.
Boundary PQ takes the smaller of IoU and Boundary IoU, of boundaries {{ boundary_width }}
of the image's diagonal wide (Cheng et al., CVPR 2021).</p>
<h2>Classes</h2>
<p class="note">A click on a heading sorts.</p>
<div class="scroll"><table class="sortable"><thead><tr><th>class</th><th></th><th class="n">PQ</th>
<th class="n">SQ</th><th class="n">RQ</th><th class="n">Boundary PQ</th>
<th class="n">true positives</th><th class="n">false positives</th>
<th class="n">false negatives</th></tr></thead><tbody>
{% for row in classes %}<tr><td><span class="swatch" style="background:{{ colors[loop.index0] }}">
</span>{{ row.name }}</td><td>{{ row.kind }}</td>
{% for name in ('pq', 'sq', 'rq', 'boundary_pq') %}<td class="n">{{ '%.2f'|format(row[name]) }}</td>
{% endfor %}<td class="n">{{ row.tp }}</td><td class="n">{{ row.fp }}</td>
<td class="n">{{ row.fn }}</td></tr>
{% endfor %}</tbody></table></div>
<h2>Sizes</h2>
<div class="scroll"><table><thead><tr><th>segments</th><th class="n">annotated</th>
<th class="n">PQ</th><th class="n">SQ</th><th class="n">RQ</th><th class="n">PQ of things</th>
<th class="n">PQ of stuff</th></tr></thead><tbody>
{% for size, found in sizes.items() %}<tr><td>{{ size }}</td><td class="n">{{ found.segments }}</td>
{% for group, name in size_columns %}<td class="n">
{{- '%.2f'|format(found[group][name]) if found[group].n else '–' }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
<p class="note">Small is below 32², large from 96² pixels of the original image, COCO's limits for
objects. All segments are matched together; matches and misses have the size of the annotated
segment, false positives their own.</p>
<h2>What is lost to what</h2>
<img alt="false negatives and false positives by cause" src="{{ error_chart }}">
<div class="scroll"><table><thead><tr><th>cause</th><th class="n">false negatives</th>
<th class="n">false positives</th><th class="n">PQ if mended</th><th>definition</th></tr></thead>
<tbody>{% for cause, found in errors.items() %}<tr><td>{{ cause }}</td>
<td class="n">{{ found.fn }}</td><td class="n">{{ found.fp }}</td>
<td class="n">{{ '%+.2f'|format(found.gain) }}</td>
<td class="note wide">{{ definitions[cause] }}</td>
</tr>{% endfor %}</tbody><tfoot><tr><td><b>all</b></td>
<td class="n"><b>{{ classes|sum(attribute='fn') }}</b></td>
<td class="n"><b>{{ classes|sum(attribute='fp') }}</b></td><td></td><td></td></tr></tfoot></table>
</div>
<p class="note">Each unmatched segment has the first cause that holds, from the top. “Mainly” is
more than half of the pixels. Mended: the false positives of the cause are gone, and its false
negatives are matches with the mean IoU of their class.</p>
<details><summary>By class</summary><div class="scroll"><table class="sortable"><thead><tr>
<th>class</th>{% for cause in errors %}<th class="n">{{ cause }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in classes %}<tr><td>{{ row.name }}</td>{% for found in row.errors.values() %}
<td class="n" data-value="{{ found.fn + found.fp }}">{{ found.fn }} / {{ found.fp }}</td>
{% endfor %}</tr>{% endfor %}</tbody></table></div>
<p class="note">False negatives / false positives, sorted by their sum.</p></details>
<h2>Confusion of classes</h2>
<div class="scroll"><img alt="share of pixels of each class by predicted class"
src="{{ confusion_chart }}"></div>
{% if confused %}<div class="scroll"><table class="sortable"><thead><tr><th>annotated</th>
<th>predicted</th><th class="n">pixels</th><th class="n">% of the class</th>
<th class="n">whole segments</th></tr></thead><tbody>
{% for pair in confused %}<tr><td>{{ pair.truth }}</td><td>{{ pair.predicted }}</td>
<td class="n">{{ pair.pixels }}</td><td class="n">{{ '%.1f'|format(100 * pair.share) }}</td>
<td class="n">{{ pair.segments }}</td></tr>{% endfor %}</tbody></table></div>
<p class="note">The {{ confused|length }} pairs with most pixels. Pixels that are not annotated, or
crowd, do not count. Whole segments are those lost to a wrong class.</p>{% endif %}
<h2>Calibration of scores</h2>
{% if calibration %}
<p>Expected calibration error {{ '%.3f'|format(calibration.error) }}: so far are scores, on average,
from the share of segments that are true positives.</p>
<img alt="share of true positives by score" src="{{ calibration_chart }}">
<p class="note">The score of a segment is the mean probability of its pixels times that of its
class. Segments that PQ ignores do not count.</p>
{% else %}<p class="note">The predictions hold no scores of pixels, so that there is nothing to
compare.</p>{% endif %}
{% for title, chosen in pictures.items() %}<h2>{{ title }}</h2>
{% if loop.first %}<p class="note">By the mean PQ of the classes in an image. From left to right:
image, truth, prediction, errors. Grey is void. Errors:
{% for color, meaning in verdicts %}<span class="swatch" style="background:{{ color }}"></span>
{{- meaning }}{{ '; ' if not loop.last }}{% endfor %}.</p>{% endif %}
{% for picture in chosen %}<figure><div class="panels">
{% for name, source in picture.panels.items() %}<img alt="{{ name }}" src="{{ source }}">
{% endfor %}</div><figcaption>{{ picture.name }} (id {{ picture.id }}): PQ
{{ '%.1f'|format(picture.pq) }}, {{ picture.matched }} matched
{%- for cause, count in picture.causes.items() %}, {{ count }} {{ cause }}{% endfor %}
</figcaption></figure>{% endfor %}{% endfor %}
<h2>Origin</h2>
<table><tbody><tr><td>command</td><td><code>{{ origin.command }}</code></td></tr>
<tr><td>config</td><td>{{ origin.config }}</td></tr>
<tr><td>checkpoint</td><td>{{ origin.checkpoint }}
{%- if origin.sha256 %}, SHA-256 {{ origin.sha256 }}…{% endif %}</td></tr>
<tr><td>annotations</td><td>{{ annotations }}</td></tr><tr><td>date</td><td>{{ origin.date }}</td>
</tr>{% if origin.commit %}<tr><td>commit</td><td>{{ origin.commit }}</td></tr>{% endif %}
{% for package, version in origin.versions.items() %}<tr><td>{{ package }}</td>
<td>{{ version }}</td></tr>{% endfor %}</tbody></table>
"""
    + SORTING
    + """
{% endblock %}
"""
)

COMPARISON = (
    """{% extends "page" %}
{% block title %}{{ names|join(', ') }}: comparison{% endblock %}
{% block style %}"""
    + STYLE
    + """{% endblock %}
{% block body %}
<h1>{{ names|join(', ') }}</h1>
<p class="note">Differences are those to {{ names[0] }}. A click on a heading sorts.</p>
{% for title, rows, form in sections if rows %}<h2>{{ title }}</h2>
<div class="scroll"><table class="sortable"><thead><tr><th></th><th class="n">{{ names[0] }}</th>
{% for name in names[1:] %}<th class="n">{{ name }}</th><th class="n">difference</th>{% endfor %}
</tr></thead><tbody>
{% for row in rows %}<tr><td>{{ row.name }}</td>
<td class="n">{{ ('%' ~ form)|format(row.values[0]) }}</td>
{% for value in row.values[1:] %}<td class="n">{{ ('%' ~ form)|format(value) }}</td>
<td class="n">{{ ('%+' ~ form)|format(row.differences[loop.index0]) }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>{% endfor %}
"""
    + SORTING
    + """
{% endblock %}
"""
)
