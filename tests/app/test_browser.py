"""The page in headless Chromium, as visitors use it."""

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from made_images import encode, noise
from PIL import Image

pytest.importorskip('gradio', reason='the page needs gradio')
pytest.importorskip('selenium', reason='selenium drives the browser')
from selenium import webdriver  # noqa: E402
from selenium.webdriver import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

CHROMIUM, DRIVER = shutil.which('chromium'), shutil.which('chromedriver')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason='Chromium is not installed'),
]
FLAGS = (
    *('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'),
    *('--disable-background-networking', '--disable-component-update', '--disable-sync'),
)
PHONE = dict(width=390, height=844, deviceScaleFactor=1, mobile=True)
DESKTOP = dict(width=1280, height=1200, deviceScaleFactor=1, mobile=False)


class Visitor:
    """A browser of its own, with nothing in its profile."""

    def __init__(self, address, folder):
        self.downloads = folder / 'downloads'
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f'--user-data-dir={folder / "profile"}'):
            options.add_argument(flag)
        options.add_experimental_option(
            'prefs',
            {
                'download.default_directory': str(self.downloads),
                'profile.default_content_setting_values.automatic_downloads': 1,
            },
        )
        service = webdriver.ChromeService(executable_path=DRIVER)
        self.driver = webdriver.Chrome(options=options, service=service)
        self.show_as(DESKTOP)
        self.driver.get(address)
        self.wait(lambda: self.find('#upload input[type=file]'))

    def show_as(self, screen):
        self.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def script(self, code, *args):
        return self.driver.execute_script(code, *args)

    def wait(self, condition, seconds=60):
        waiting = WebDriverWait(self.driver, seconds, ignored_exceptions=[Exception])
        return waiting.until(lambda _: condition())

    def canvas(self):
        """Return what is painted; None while nothing is."""
        return self.script(
            'const canvas = document.querySelector(".filled canvas");'
            'return canvas && canvas.toDataURL()'
        )

    def changes(self, act):
        """Do something that must repaint the picture; return the new one."""
        before = self.canvas()
        act()
        self.wait(lambda: self.canvas() not in (None, before))
        return self.canvas()

    def upload(self, path):
        """Send a file; one that was sent before is taken away first."""
        for button in self.driver.find_elements(By.CSS_SELECTOR, '#upload [aria-label="Clear"]'):
            self.script('arguments[0].click()', button)
        self.wait(lambda: self.find('#upload input[type=file]'))
        self.find('#upload input[type=file]').send_keys(str(path))

    def slide(self, name, *keys):
        self.find(f'#{name} input[type=range]').send_keys(*keys)

    def view(self, name):
        self.find(f'#view input[value="{name}"]').click()

    def legend(self):
        return self.find('#viewer .legend').text

    def said(self, words):
        """Wait for a message, and close it."""
        text = self.wait(lambda: self.find('.toast-body').text)
        assert words in text
        for button in self.driver.find_elements(By.CSS_SELECTOR, '.toast-close'):
            self.script('arguments[0].click()', button)
        self.wait(lambda: not self.driver.find_elements(By.CSS_SELECTOR, '.toast-body'))

    def download(self, name):
        link = self.wait(lambda: self.find(f'#files a[download="{name}"]'))
        self.script('arguments[0].click()', link)
        file = self.downloads / name
        self.wait(file.is_file)
        return file

    def picture(self, name, folder):
        assert self.script('return document.documentElement.scrollWidth <= innerWidth')
        self.driver.save_screenshot(str(folder / f'{name}.png'))


@pytest.fixture
def open_page(serve, tmp_path):
    visitors = []

    def open_one(address):
        folder = tmp_path / f'visitor{len(visitors)}'
        visitors.append(Visitor(address, folder))
        return visitors[-1]

    yield open_one
    for visitor in visitors:
        visitor.driver.quit()


@pytest.fixture
def pictures(tmp_path):
    """Folder of screenshots: that of the test, or one to look at afterwards."""
    folder = Path(os.environ.get('KMAX_SCREENSHOTS', tmp_path / 'screenshots'))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def images(tmp_path):
    """Files to upload, good and bad."""
    large = Image.new('RGB', (7072, 7070))
    # Else the sky of an untrained model is one segment.
    large.paste(noise(500, 500), (100, 100))
    contents = {
        'street.png': encode(noise(90, 60)),
        'other.jpg': encode(noise(64, 96, seed=1), 'JPEG'),
        'text.png': b'no picture',
        'damaged.png': encode(noise(60, 40))[:300],
        'pixel.png': encode(noise(1, 1)),
        'large.png': encode(large),
        'larger.png': encode(Image.new('L', (7072, 7072))),
        'heavy.png': bytes(6_000_000),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_everything_that_a_visitor_does(serve, open_page, images, pictures, calls):
    visitor = open_page(serve())
    visitor.picture('empty', pictures)
    visitor.changes(lambda: visitor.upload(images / 'street.png'))
    assert calls == [1]
    look_around(visitor, pictures)
    switch_classes(visitor)
    move_thresholds(visitor)
    assert calls == [1]
    files = take_files(visitor)
    assert calls == [1]
    assert Image.open(files[1]).size == (90, 60)
    visitor.show_as(PHONE)
    time.sleep(1)
    visitor.picture('phone', pictures)
    visitor.show_as(DESKTOP)
    hosts = visitor.script(
        'return performance.getEntriesByType("resource").map((entry) => new URL(entry.name).host)'
    )
    assert {host.split(':')[0] for host in hosts} <= {'127.0.0.1', ''}


def look_around(visitor, pictures):
    """Use what the browser does by itself."""
    visitor.changes(lambda: visitor.slide('opacity', Keys.HOME))
    visitor.changes(lambda: visitor.slide('opacity', Keys.END))
    canvas = visitor.find('#viewer canvas')
    ActionChains(visitor.driver).move_to_element(canvas).perform()
    tip = visitor.wait(lambda: visitor.find('#viewer .tip').text)
    assert tip.startswith('class ') and 'of the image' in tip
    for view in ('semantic', 'instances', 'clusters'):
        visitor.changes(lambda view=view: visitor.view(view))
    visitor.wait(lambda: visitor.find('#layer input[type=range]').is_displayed())
    visitor.changes(lambda: visitor.slide('layer', Keys.HOME))
    assert 'Decoder layer 1 of 3' in visitor.legend()
    visitor.changes(lambda: visitor.slide('layer', Keys.ARROW_RIGHT))
    assert 'Decoder layer 2 of 3' in visitor.legend()
    visitor.picture('clusters', pictures)
    visitor.changes(lambda: visitor.view('panoptic'))


def switch_classes(visitor):
    box = visitor.find('#classes input[type=checkbox]')
    name = box.find_element(By.XPATH, './..').text
    visitor.changes(box.click)
    assert name not in [line.split(' score')[0] for line in visitor.legend().splitlines()]
    visitor.changes(box.click)
    assert name in visitor.legend()


def move_thresholds(visitor):
    visitor.changes(lambda: visitor.slide('class_threshold_stuff', Keys.END))
    visitor.changes(lambda: visitor.slide('class_threshold_thing', Keys.END))
    assert visitor.legend() == 'No segment passes the thresholds.'
    visitor.changes(lambda: visitor.slide('class_threshold_stuff', Keys.HOME))
    visitor.changes(lambda: visitor.slide('class_threshold_thing', Keys.HOME))


def take_files(visitor):
    visitor.find('#make').click()
    names = ('result.png', 'result_panoptic.png', 'result.json')
    files = [visitor.download(name) for name in names]
    assert json.loads(files[2].read_text())['annotations'][0]['segments_info']
    return files


def test_it_stays_up_whatever_is_uploaded(serve, open_page, images):
    visitor = open_page(serve())
    for name, words in {
        'text.png': 'The file is not an image',
        'damaged.png': 'The image is damaged',
        'larger.png': '7072 × 7072 pixels, the limit is 50 million',
        'heavy.png': 'maximum allowed size',
    }.items():
        visitor.upload(images / name)
        visitor.said(words)
    for name in ('large.png', 'pixel.png', 'street.png'):
        visitor.changes(lambda name=name: visitor.upload(images / name))
    assert 'class' in visitor.legend()


def test_two_visitors_at_once(serve, open_page, images):
    address = serve()
    first, second = open_page(address), open_page(address)
    first.upload(images / 'street.png')
    second.upload(images / 'other.jpg')
    pictures = [visitor.wait(visitor.canvas) for visitor in (first, second)]
    ratios = [
        visitor.script('const c = document.querySelector("canvas"); return c.width / c.height')
        for visitor in (first, second)
    ]
    np.testing.assert_allclose(ratios, [90 / 60, 64 / 96], atol=0.01)
    first.changes(lambda: first.slide('class_threshold_stuff', Keys.END))
    assert second.canvas() == pictures[1]


def test_compares_two_models(inferencer, page, serve, open_page, images, pictures):
    from projects.kmax.app.page import Page

    two = Page({'before': inferencer, 'after': inferencer}, page.limits)
    visitor = open_page(serve(two))
    visitor.changes(lambda: visitor.upload(images / 'street.png'))
    assert [visitor.find(f'#viewer .{side}').text for side in ('left', 'right')] == [
        'before',
        'after',
    ]
    visitor.picture('compared', pictures)
    middle = visitor.canvas()
    assert visitor.changes(lambda: visitor.slide('split', Keys.HOME)) != middle
    visitor.find('#make').click()
    visitor.download('compared.json')
