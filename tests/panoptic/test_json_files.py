"""A JSON as others write it is read, or refused with its name."""

import projects.kmax  # noqa: F401, I001  (before anything of mmdet)
import json
import os

import pytest

from projects.kmax.panoptic.files import read_panoptic_json
from projects.kmax.panoptic.json_files import read_json

CONTENT = {
    'images': [{'id': 1, 'file_name': 'ü":.jpg'}],
    'categories': [],
    'info': {'of': [{'a': {'b': 1}}]},
}


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-32'])
@pytest.mark.parametrize('separators', [(',', ':'), (', ', ' : ')])
def test_encodings_are_read(encoding, separators, tmp_path):
    text = json.dumps(CONTENT, ensure_ascii=False, separators=separators)
    (tmp_path / 'a.json').write_text(text, encoding=encoding)
    assert read_panoptic_json(tmp_path / 'a.json', ['images', 'categories']) == CONTENT


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('[' * 100_000, 'nested too deeply'),
        ('{"a":' * 100_000, 'nested too deeply'),
        ('', 'Expecting value'),
        ('{"images": [{"id": 1, "id": 2}]}', 'the field "id" stands twice in one object, read as'),
        ('{"images": [], "images": []}', 'the field "images" stands twice'),
        ('{"a": [[{"id" : 1, "id" : 2}]]}', 'the field "id" stands twice'),
        (b'{"a": "\xff"}', "'utf-8' codec can't decode"),
    ],
)
def test_what_is_no_json_is_named(text, message, tmp_path):
    path = tmp_path / 'a.json'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=f'^x a.json is not valid JSON: .*{message}'):
        read_json(path, 'x a.json')


def test_what_is_no_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'^x a.json does not exist$'):
        read_json(tmp_path / 'a.json', 'x a.json')
    (tmp_path / 'loop.json').symlink_to(tmp_path / 'loop.json')
    os.mkfifo(tmp_path / 'pipe.json')
    for name, found in (
        ('', 'is a folder, not a file'),
        ('pipe.json', 'is a named pipe, not a file'),
        ('loop.json', 'Too many levels of symbolic links'),
    ):
        with pytest.raises(OSError, match=f'^x cannot be read: .*{found}'):
            read_json(tmp_path / name, 'x')
