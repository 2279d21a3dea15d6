import warnings

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from PIL import Image, ImageDraw

from kmax_deeplab.pictures import fonts
from kmax_deeplab.pictures.fonts import load_font


@pytest.fixture(autouse=True)
def _forget():
    yield
    fonts._find_font.cache_clear()


@pytest.fixture
def cats(tmp_path, monkeypatch):
    """A font of the system's that has the character for cat, which looks like an M."""
    font = TTFont(fonts._find_font(''))
    for table in font['cmap'].tables:
        if table.isUnicode():
            table.cmap[ord('猫')] = table.cmap[ord('M')]
    path = tmp_path / 'cats.ttf'
    font.save(path)
    (tmp_path / 'broken.ttf').write_bytes(b'no font')
    system = [str(tmp_path / name) for name in ('absent.ttf', 'broken.ttf', 'cats.ttf')]
    monkeypatch.setattr(fonts, '_system_fonts', lambda: system)
    fonts._find_font.cache_clear()


def drawn(text, font):
    image = Image.new('L', (60, 40))
    ImageDraw.Draw(image).text((5, 5), text, font=font, fill=255)
    return np.asarray(image)


def test_a_font_of_the_system_is_taken_where_it_is_needed(cats):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        font = load_font(20, 'cat 猫')
    assert font.path.endswith('cats.ttf')
    np.testing.assert_array_equal(drawn('猫', font), drawn('M', font))
    assert load_font(20, 'Straße, кот').path.endswith('DejaVuSans.ttf')


def test_missing_characters_are_named_once(cats):
    with pytest.warns(UserWarning, match='no font on this machine has .*犬.*install') as caught:
        assert load_font(20, '猫 犬').path.endswith('cats.ttf')
        load_font(30, '猫 犬')
    assert len(caught) == 1 and '猫' not in str(caught[0].message)
