"""The JSON of pseudo-labels, in COCO's panoptic form."""

from typing import Any

from ..panoptic.categories import make_palette


def make_content(
    model: Any, entries: list[dict], number_of: dict[str, int], pngs: dict[str, str]
) -> dict[str, Any]:
    """Return the parts of the JSON; images without labels are only counted.

    ``entries`` are the journals', of which the last one of an image counts; ``number_of`` and
    ``pngs`` are the id and the PNG of each image.
    """
    latest = {entry['file_name']: entry for entry in entries}
    entries = [latest[name] for name in sorted(latest, key=number_of.__getitem__)]
    labelled = [entry for entry in entries if entry.get('segments_info')]
    return dict(
        info=dict(
            counts=count(entries),
            unreadable=[entry['error'] for entry in entries if 'error' in entry],
        ),
        images=[
            dict(
                id=number_of[entry['file_name']],
                **{key: entry[key] for key in ('file_name', 'height', 'width')},
            )
            for entry in labelled
        ],
        annotations=[
            dict(
                image_id=number_of[entry['file_name']],
                file_name=pngs[entry['file_name']],
                segments_info=entry['segments_info'],
            )
            for entry in labelled
        ],
        categories=_categories(model),
    )


def count(entries: list[dict]) -> dict[str, int]:
    """Return how many images are ``labelled``, left out as ``unsure``, and ``unreadable``."""
    labelled = sum(bool(entry.get('segments_info')) for entry in entries)
    unreadable = sum('error' in entry for entry in entries)
    unsure = len(entries) - labelled - unreadable
    return dict(labelled=labelled, unsure=unsure, unreadable=unreadable)


def _categories(model: Any) -> list[dict[str, Any]]:
    classes = model.dataset_meta['classes']
    palette = model.dataset_meta.get('palette')
    colors = palette if isinstance(palette, list | tuple) else make_palette(classes, [])
    num_things = model.panoptic_head.num_things_classes
    return [
        dict(id=label + 1, name=name, isthing=int(label < num_things), color=list(color))
        for label, (name, color) in enumerate(zip(classes, colors, strict=True))
    ]
