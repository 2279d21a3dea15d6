"""Hugging Face: a panoptic data set on disk, of images, masks and ``segments_info``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from kmax_deeplab.errors import text_of
from kmax_deeplab.paths import find_name_fault

from ..panoptic.comparison import find_id_faults
from ..panoptic.faults import Fault, FaultKind
from ..panoptic.field_types import SEGMENT_TYPES, find_wrong_types
from ..void import VOID_ID
from .coco_records import refuse_faults
from .embedded import suffix_of
from .label_maps import crops_of, decode_label_map
from .source import AsThing, ClassHint, Label, Reading, Region, Source, SourceError, SourceImage

IMAGE, SEGMENTS = 'image', 'segments_info'
NEEDED = ('id', 'category_id')
HEADER_BYTES = 4
BATCH = 1000


@dataclass(frozen=True)
class ArrowImage(SourceImage):
    """A row; its image and its mask are read from the data set when they are needed.

    Attributes:
        folder: The data set.
        index: Number of the row.
        mask: Column of the masks.
        names: Names of the categories by their number, none where they have none.
    """

    folder: Path
    index: int
    mask: str
    names: tuple[str, ...]

    def read_regions(self, size: tuple[int, int]) -> list[Region]:
        """Make a region of each segment."""
        row = open_dataset(self.folder).select_columns([self.mask, SEGMENTS])[self.index]
        content = _content_of(row[self.mask])
        if content is None:
            message = f'{self.place} has no {self.mask}'
            raise SourceError([Fault(FaultKind.MISSING_PNG, message)])
        segments = _segments_of(row[SEGMENTS])
        faults = list(self._find_faults(segments))
        png = f'{self.mask} of {self.place}'
        try:
            crops = crops_of(decode_label_map(content, png, size).values)
        except SourceError as error:
            raise SourceError([*faults, *error.faults]) from error
        if not faults:
            listed = [segment['id'] for segment in segments]
            faults += find_id_faults(crops, listed, png, self.place)
        refuse_faults(faults)
        return [
            Region(
                self._label_of(segment['category_id']),
                crops[segment['id']],
                f'{self.place}, segment {segment["id"]}',
                AsThing.CROWD if segment.get('iscrowd') else AsThing.OBJECT,
            )
            for segment in segments
        ]

    def read_image(self) -> bytes:
        """Return the image as it is stored."""
        row = open_dataset(self.folder).select_columns([IMAGE])[self.index]
        content = _content_of(row[IMAGE])
        if content is None:
            raise ValueError(f'{self.place} has no {IMAGE}')
        return content

    def _label_of(self, category: int) -> Label:
        return self.names[category] if self.names else category

    def _find_faults(self, segments: list[dict[str, Any]]) -> Iterator[Fault]:
        seen: set[Any] = {VOID_ID}
        for segment in segments:
            place = f'segment {segment.get("id")} of {self.place}'
            missing = [field for field in NEEDED if segment.get(field) is None]
            wrong = next(find_wrong_types(segment, SEGMENT_TYPES), None)
            if missing:
                yield Fault(FaultKind.MISSING_FIELD, f'{place} lacks {", ".join(missing)}')
            elif wrong is not None:
                yield Fault(FaultKind.WRONG_TYPE, f'{place} {wrong}')
            elif segment['id'] in seen:
                message = f'{place} has an id that is void or that of another'
                yield Fault(FaultKind.DUPLICATE_ID, message)
            elif self.names and not 0 <= segment['category_id'] < len(self.names):
                message = f'{place} has the category {segment["category_id"]}, which has no name'
                yield Fault(FaultKind.UNKNOWN_CATEGORY, message)
            seen.add(segment.get('id'))


def _content_of(value: Mapping[str, Any] | None) -> bytes | None:
    """Return the bytes of an image, which Arrow holds or names the file of."""
    if value is None:
        return None
    if value['bytes'] is None and value['path']:
        return Path(value['path']).read_bytes()
    return value['bytes']


def _segments_of(value: Any) -> list[dict[str, Any]]:
    """Return a row's segments without what is null; older data sets have a list of each field."""
    if isinstance(value, dict):
        value = [dict(zip(value, each, strict=True)) for each in zip(*value.values(), strict=True)]
    return [{key: v for key, v in segment.items() if v is not None} for segment in value or []]


@lru_cache(maxsize=2)
def open_dataset(folder: Path) -> Any:
    """Open a data set of which images stay encoded.

    Raises:
        OSError: If there is none.
        ValueError: If it is damaged, has several splits or lacks a column.
        ModuleNotFoundError: If ``datasets`` is not installed.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'data sets of Hugging Face are read by datasets: pip install datasets ({error})'
        ) from error
    try:
        found = datasets.load_from_disk(str(folder))
    except OSError:
        raise
    # Arrow and datasets raise all kinds of damaged files.
    except Exception as error:
        raise ValueError(f'{folder} is no data set that can be read: {text_of(error)}') from error
    if isinstance(found, datasets.DatasetDict):
        splits = ', '.join(str(folder / split) for split in found)
        raise ValueError(f'{folder} has several splits: give one of {splits}, and another as --val')
    for column in (IMAGE, SEGMENTS):
        if column not in found.column_names:
            raise ValueError(
                f'{folder} has no column {column}, but {", ".join(found.column_names)}'
            )
    kept = datasets.Image(decode=False)
    for column, feature in found.features.items():
        if isinstance(feature, datasets.Image):
            found = found.cast_column(column, kept)
    return found


def open_source(reading: Reading) -> Source:
    """Name the images, and see what their categories are called; see :func:`open_dataset`."""
    folder = reading.paths[0]
    found = open_dataset(folder)
    mask = _mask_column(found, folder)
    names = _category_names(found.features[SEGMENTS])
    contents, faults = _name_images(found, folder)
    images: list[SourceImage] = [
        ArrowImage(name, f'row {index} of {folder}', None, None, folder, index, mask, names)
        for index, name in contents.items()
    ]
    return Source(images, [ClassHint(name, id=n) for n, name in enumerate(names)], faults)


def _mask_column(found: Any, folder: Path) -> str:
    """Return the other column of images: published data sets call it mask, label or otherwise."""
    kind = type(found.features[IMAGE])
    columns = [
        name for name, each in found.features.items() if isinstance(each, kind) and name != IMAGE
    ]
    if 'mask' in columns:
        return 'mask'
    if len(columns) != 1:
        raise ValueError(
            f'{folder} has {len(columns)} columns of images beside {IMAGE}: call that of the '
            'panoptic PNGs mask'
        )
    return columns[0]


def _category_names(feature: Any) -> tuple[str, ...]:
    """Return the names of ``category_id`` in the type of the segments, if it has names."""
    fields = feature[0] if isinstance(feature, list) else getattr(feature, 'feature', feature)
    category = fields.get('category_id') if isinstance(fields, dict) else None
    return tuple(getattr(category, 'names', None) or ())


def _name_images(found: Any, folder: Path) -> tuple[dict[int, str], list[Fault]]:
    """Return the file name of each row's image: the stored one where all differ, or its number."""
    import pyarrow.compute as compute

    stored, names = {}, {}
    faults = []
    rows = found.select_columns([IMAGE]).with_format('arrow')
    for start in range(0, len(found), BATCH):
        column = rows[start : start + BATCH][IMAGE]
        # The images themselves are not read.
        headers = compute.binary_slice(compute.struct_field(column, 'bytes'), 0, HEADER_BYTES)
        paths = compute.struct_field(column, 'path')
        for place, (header, path) in enumerate(zip(headers, paths, strict=True)):
            index = start + place
            stored[index] = Path(path.as_py() or '').name
            try:
                names[index] = f'{index:06d}{_suffix(header.as_py(), stored[index])}'
            except ValueError as error:
                message = f'the image of row {index} of {folder} {error}'
                faults.append(Fault(FaultKind.BROKEN_IMAGE, message))
    usable = all(find_name_fault(name) is None for name in stored.values())
    if usable and len(set(stored.values())) == len(found):
        return {index: stored[index] for index in names}, faults
    return names, faults


def _suffix(header: bytes | None, path: str) -> str:
    return Path(path).suffix if header is None else suffix_of(header)
