"""The page: what it shows, and what its controls do."""

import functools
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from kmax_deeplab.errors import explain, one_line
from kmax_deeplab.runtime import PanopticModel

from . import overlays
from .examples import draw_examples
from .uploads import Limits, Upload, decode, read_upload
from .visits import Model, Visits, begin_visit

if TYPE_CHECKING:
    from ..apis import KMaXInferencer

FOLDER = Path(__file__).parent
SECONDS_KEPT = 3600
"""How long what a visitor has is kept after it was last changed."""

FRACTIONS = {
    'class_threshold_thing': 'Lowest class probability of things',
    'class_threshold_stuff': 'Lowest class probability of stuff',
    'class_threshold': 'Lowest class probability',
    'pixel_confidence_threshold': 'Lowest mask probability of a pixel',
    'overlap_threshold': 'Share of a mask that must be free',
}
AREAS = {
    'thing_area_limit': 'Fewest pixels of things',
    'stuff_area_limit': 'Fewest pixels of stuff',
}
LARGEST_AREA = 20000
UNUSED = {
    'deeplab2': {'class_threshold'},
    'pixelwise': {'class_threshold_thing', 'class_threshold_stuff', 'overlap_threshold'},
    'port': {'class_threshold', *AREAS},
}
"""Thresholds that rules of post-processing do not read."""

VIEWS = {
    'Panoptic': 'panoptic',
    'Semantic': 'semantic',
    'Instances': 'instances',
    'k-means clusters': 'clusters',
}
STAGE = """<div class="stage">
<canvas role="img" aria-label="The image with what was found"></canvas>
<div class="left"></div><div class="right"></div><div class="tip" hidden></div>
<div class="empty">Choose an image: its segments appear here.</div></div>
<ul class="legend" aria-label="What is in the image"></ul>"""
SHOW = '(view, layer, opacity, split) => { window.kmaxShow?.(view, layer, opacity, split); }'
SWITCH = '(checked) => { window.kmaxSwitch?.(checked); return checked; }'
CSS = """
.gradio-container { max-width: 1280px !important; }
footer { display: none !important; }
#examples .grid-wrap { overflow-y: hidden; }
"""


def refuse_addresses(file: gr.File) -> None:
    """Let a file be one that the browser sent: Gradio would also fetch one from an address.

    Not a class of its own, beside whose module Gradio would write a file.
    """
    take = file.async_move_resource_to_block_cache

    async def take_upload(place: str | Path | None) -> str | None:
        if re.match(r'\w+:', str(place or '')):
            raise gr.Error('Upload the image itself: addresses are not opened.')
        return await take(place)

    vars(file)['async_move_resource_to_block_cache'] = take_upload


def spoken(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let errors that a visitor can mend appear on the page."""

    @functools.wraps(function)
    def speak(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            raise gr.Error(one_line(str(error)), print_exception=False) from error
        except Exception as error:
            # Others name files of this machine, or are faults of the program.
            if not (explain(error) or '').startswith('out of memory'):
                raise
            message = 'The memory does not suffice: choose a smaller image.'
            raise gr.Error(message, print_exception=False) from error

    return speak


class Page:
    """Answers what visitors do.

    Args:
        models: One model, or two to compare, by the names that the page shows. Where one is an
            exported file no clusters are shown, and thresholds are those of the other.
        limits: The largest upload.
    """

    def __init__(self, models: Mapping[str, Model], limits: Limits) -> None:
        self.models = models
        self.limits = limits
        self.visits = Visits()
        networks = [model for model in models.values() if not isinstance(model, PanopticModel)]
        self.has_clusters = len(networks) == len(models)
        self.defaults = _read_thresholds(networks[0]) if networks else {}

    @spoken
    def upload(self, key: str | None, content: bytes | None, *values: float) -> list[Any]:
        """Show what the models make of an uploaded file.

        Args:
            key: Of what the visitor has had until now.
            content: The file; None where it was taken away.
            *values: The thresholds.

        Returns:
            The key of what the visitor has now, and updates of the viewer, the switches of classes
            and the number of layers.
        """
        if content is None:
            return [key, gr.skip(), gr.skip(), gr.skip()]
        return self._begin(key, read_upload(content, self.limits), values)

    @spoken
    def choose(self, key: str | None, event: gr.SelectData, *values: float) -> list[Any]:
        """Show what the models make of one of the examples, as :meth:`upload`."""
        files = draw_examples()
        if not isinstance(event.index, int) or not 0 <= event.index < len(files):
            raise ValueError('There is no such example.')
        content = files[event.index]
        return self._begin(key, Upload(content, decode(content)), values)

    @spoken
    def merge(self, key: str | None, *values: float) -> list[Any]:
        """Show the segments by other thresholds, without running the networks.

        Returns:
            Updates of the viewer and of the switches of classes.
        """
        if key is None:
            return [gr.skip(), gr.skip()]
        visit = self.visits.get(key)
        results = visit.results(self._name(values))
        views = [overlays.draw_views(result) for result in results]
        return [dict(views=views), _switches(visit.offer(results), visit.offered)]

    @spoken
    def switch(self, key: str | None, checked: list[str]) -> None:
        """Note which classes are on, for the files; the browser has shown it already."""
        self.visits.get(key).switch(checked)

    @spoken
    def make_files(self, key: str | None, opacity: float, *values: float) -> list[str]:
        """Write what is shown in full size.

        Returns:
            Of each model the drawing, the PNG of ids and the JSON of COCO.
        """
        visit = self.visits.get(key)
        place = Path(gr.utils.get_upload_folder())
        place.mkdir(parents=True, exist_ok=True)
        folder = tempfile.mkdtemp(dir=place)
        files = []
        results = visit.full_results(self._name(values))
        for result, name in zip(results, ('result', 'compared'), strict=False):
            kept = overlays.without(result, visit.hidden)
            files += kept.save(folder, name, opacity)
        return [str(file) for file in files]

    def _begin(self, key: str | None, upload: Upload, values: tuple[float, ...]) -> list[Any]:
        if upload.note:
            gr.Info(upload.note)
        visit = begin_visit(upload, self.models)
        results = visit.results(self._name(values))
        height, width = visit.image.shape[:2]
        value = dict(
            image=overlays.encode_image(visit.image),
            width=width,
            height=height,
            names=list(self.models),
            clusters=[overlays.draw_clusters(look) for look in visit.looks],
            views=[overlays.draw_views(result) for result in results],
        )
        layers = max(1, *(len(look.clusters) for look in visit.looks))
        switches = _switches(visit.offer(results), visit.offered)
        return [
            self.visits.add(visit, key),
            value,
            switches,
            gr.update(maximum=layers, value=layers),
        ]

    def _name(self, values: tuple[float, ...]) -> dict[str, float]:
        return dict(zip(self.defaults, values, strict=True))

    def build(self, most_waiting: int) -> gr.Blocks:
        """Lay the page out.

        Args:
            most_waiting: Visitors that may wait for their turn.
        """
        with gr.Blocks(
            title='kMaX-DeepLab', analytics_enabled=False, delete_cache=(600, SECONDS_KEPT)
        ) as blocks:
            gr.Markdown(f'## kMaX-DeepLab: {" against ".join(self.models)}')
            with gr.Row():
                file, examples = self._build_inputs()
            with gr.Row():
                with gr.Column(scale=2, min_width=320):
                    viewer, layer, opacity = self._build_stage()
                with gr.Column(scale=1, min_width=300):
                    classes, thresholds, make, files = self._build_controls()
            key = gr.State(None, time_to_live=SECONDS_KEPT, delete_callback=self.visits.forget)
            run: dict[str, Any] = dict(
                outputs=[key, viewer, classes, layer],
                concurrency_id='network',
                concurrency_limit=1,
                api_visibility='private',
            )
            quick: dict[str, Any] = dict(api_visibility='private', show_progress='hidden')
            file.upload(self.upload, [key, file, *thresholds], **run)
            examples.select(self.choose, [key, *thresholds], **run)
            gr.on(
                [slider.change for slider in thresholds],
                self.merge,
                [key, *thresholds],
                [viewer, classes],
                trigger_mode='always_last',
                **quick,
            )
            classes.input(None, classes, None, js=SWITCH, api_visibility='private')
            classes.input(self.switch, [key, classes], None, **quick)
            make.click(
                self.make_files, [key, opacity, *thresholds], files, api_visibility='private'
            )
        # Only forms of this page are answered, each in its turn.
        blocks.queue(max_size=most_waiting, api_open=False, default_concurrency_limit=2)
        return blocks

    def _build_stage(self) -> tuple[gr.HTML, gr.Slider, gr.Slider]:
        views = [(name, view) for name, view in VIEWS.items() if self._offers(view)]
        view = gr.Radio(views, value='panoptic', label='Show', elem_id='view', interactive=True)
        viewer = gr.HTML(
            html_template=STAGE,
            css_template=(FOLDER / 'viewer.css').read_text(encoding='utf-8'),
            js_on_load=(FOLDER / 'viewer.js').read_text(encoding='utf-8'),
            elem_id='viewer',
        )
        with gr.Row():
            opacity = gr.Slider(0, 1, 0.6, step=0.05, label='Opacity', elem_id='opacity')
            layer = gr.Slider(
                1, 6, 6, step=1, label='Decoder layer', elem_id='layer', visible='hidden'
            )
        split = gr.Slider(
            *(0, 100, 50),
            step=1,
            label=f'Compare: {" | ".join(self.models)}',
            elem_id='split',
            visible=len(self.models) > 1,
        )
        shown: list[Any] = [view, layer, opacity, split]
        for control in shown:
            control.change(None, shown, None, js=SHOW, api_visibility='private')
        view.change(_show_layers, view, layer, queue=False, api_visibility='private')
        return viewer, layer, opacity

    def _offers(self, view: str) -> bool:
        return view != 'clusters' or self.has_clusters

    def _build_inputs(self) -> tuple[gr.File, gr.Gallery]:
        file = gr.File(
            label=f'Image, up to {self.limits.megapixels:g} megapixels and '
            f'{self.limits.megabytes:g} MB',
            type='binary',
            height=140,
            min_width=300,
            elem_id='upload',
        )
        refuse_addresses(file)
        drawn = [_as_rgb(content) for content in draw_examples()]
        examples = gr.Gallery(
            drawn,
            visible=bool(drawn),
            label='Or one of these',
            columns=4,
            height=140,
            min_width=300,
            object_fit='cover',
            allow_preview=False,
            buttons=[],
            elem_id='examples',
        )
        return file, examples

    def _build_controls(self) -> tuple[gr.CheckboxGroup, list[gr.Slider], gr.Button, gr.File]:
        classes = gr.CheckboxGroup(
            [], label='Classes', elem_id='classes', interactive=True, visible='hidden'
        )
        with gr.Accordion('Thresholds', open=True):
            thresholds = [self._build_threshold(name) for name in self.defaults]
            if not thresholds:
                gr.Markdown('They are those that the file was exported with.')
        make = gr.Button('Make PNG, JSON and overlay', elem_id='make')
        files = gr.File(
            label='Files in full size',
            file_count='multiple',
            interactive=False,
            height=150,
            elem_id='files',
        )
        return classes, thresholds, make, files

    def _build_threshold(self, name: str) -> gr.Slider:
        default = self.defaults[name]
        if name in FRACTIONS:
            return gr.Slider(0, 1, default, step=0.01, label=FRACTIONS[name], elem_id=name)
        most = max(LARGEST_AREA, default)
        return gr.Slider(0, most, default, step=10, label=AREAS[name], elem_id=name)


def _read_thresholds(model: 'KMaXInferencer') -> dict[str, float]:
    cfg = model.model.panoptic_fusion_head.read_test_cfg(**model.thresholds)
    unused = UNUSED[cfg.postprocess]
    return {name: getattr(cfg, name) for name in [*FRACTIONS, *AREAS] if name not in unused}


def _show_layers(view: str) -> Any:
    return gr.update(visible=True if view == 'clusters' else 'hidden')


def _switches(on: list[str], offered: list[str]) -> Any:
    return gr.update(choices=offered, value=on, visible=True if offered else 'hidden')


def _as_rgb(content: bytes) -> Any:
    return decode(content)[..., ::-1]


def launch(page: Page, host: str, port: int, most_waiting: int) -> gr.Blocks:
    """Serve a page until the program ends; return at once.

    It asks no other server for anything: neither fonts nor versions, and tells nobody of its use.
    """
    fonts = ('system-ui', 'sans-serif')
    blocks = page.build(most_waiting)
    blocks.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        ssr_mode=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        max_file_size=page.limits.bytes,
        theme=gr.themes.Default(font=fonts, font_mono=('ui-monospace', 'monospace')),
        css=CSS,
    )
    return blocks
