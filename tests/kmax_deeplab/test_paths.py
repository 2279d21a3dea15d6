"""Names that come from data lead nowhere but into the folder that they are of."""

import pytest

from kmax_deeplab.paths import distinct_names, place_within, refuse_shared_names

BAD = {
    '/etc/passwd': 'is absolute',
    '../a.png': r'leads out of the folder by \.\.',
    'a/../../b.png': r'leads out of the folder by \.\.',
    'a\\b.png': 'holds a backslash',
    'C:/a.png': 'is absolute',
    'a\0.png': 'holds a null character',
    '': 'names no file',
    '.': 'names no file',
    'a/': 'names no file',
    'x' * 216: 'is longer than 215 bytes',
    'a\n.png': 'holds a control character',
    'a\ud800.png': 'holds a control character, or half of a character',
}


@pytest.mark.parametrize('name', BAD)
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match=f'^gt.json names the file .*, which {BAD[name]}'):
        place_within(tmp_path, name, 'gt.json')


@pytest.mark.parametrize('name', ['a.png', 'a/b.png', './a.png', 'ä ö/..b.png', 'a:b.png'])
def test_a_name_inside_is_taken(tmp_path, name):
    assert place_within(tmp_path, name, 'gt.json') == tmp_path / name


def test_a_link_on_the_way_is_refused(tmp_path):
    (tmp_path / 'other').mkdir()
    (tmp_path / 'out').mkdir()
    (tmp_path / 'out' / 'city').symlink_to(tmp_path / 'other')
    with pytest.raises(ValueError, match='out/city is a link, through which city/a.png of gt.json'):
        place_within(tmp_path / 'out', 'city/a.png', 'gt.json')
    # The folder that the user gives may be one.
    (tmp_path / 'link').symlink_to(tmp_path / 'other')
    assert place_within(tmp_path / 'link', 'a.png', 'gt.json').parent == tmp_path / 'link'


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['a.png', './a.png'], 'gt.json: image 0 and image 1 would be written to one file, '),
        (['a', 'a/b.png'], 'gt.json: image 0 would be written to a, which is a folder of a/b.png'),
    ],
)
def test_shared_names_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        refuse_shared_names(((name, f'image {i}') for i, name in enumerate(names)), 'gt.json')
    refuse_shared_names([('a/b.png', 'x'), ('a/c.png', 'y')], 'gt.json')


@pytest.mark.parametrize(
    ('paths', 'names'),
    [
        ([], []),
        (['val/x/1.jpg', 'val/y/2.jpg'], ['1.png', '2.png']),
        (['val/x/1.jpg', 'val/y/1.jpg'], ['x/1.png', 'y/1.png']),
        (['/v/x/1.jpg', 'y/1.jpg', '../y/z/1.jpg'], ['v/x/1.png', 'y/1.png', 'y/z/1.png']),
        (['v/1.jpg', 'v/1.bmp'], ['1.jpg.png', '1.bmp.png']),
        (['v/a.jpg', 'w/A.jpg'], ['v/a.png', 'w/A.png']),
        (['v/1.jpg', 'v/1.jpg', 'v/1.jpg'], ['1.jpg.png', '1.jpg_2.png', '1.jpg_3.png']),
    ],
)
def test_as_many_names_as_files(paths, names):
    assert distinct_names(paths, '.png') == names
    assert len(set(distinct_names(paths))) == len(paths)


def test_files_keep_their_endings():
    assert distinct_names(['v/1.jpg', 'v/1.bmp']) == ['1.jpg', '1.bmp']
    assert distinct_names(['v/1.jpg', 'v/1.jpg']) == ['1.jpg', '1_2.jpg']
