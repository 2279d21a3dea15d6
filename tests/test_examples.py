"""The examples read a file without this package, and draw what is in it."""

import http.client
import io
import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pycocotools.mask
import pytest
from exported_file import ALIGNED, CLASSES
from imports import ROOT
from PIL import Image

from kmax_deeplab.runtime import PanopticModel

EXAMPLES = ROOT / 'examples'
SIZE = (40, 60)


@pytest.fixture
def image(tmp_path):
    """A PPM, whose red tells a box, a ball, the sky and void."""
    levels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    levels[..., 0] = 3
    levels[:10, :, 0], levels[10:30, :20, 0], levels[30:, 50:, 0] = 2, 0, 1
    Image.fromarray(levels).save(tmp_path / 'image.ppm')
    return tmp_path / 'image.ppm'


def painted(image):
    """Return the image with its segments in the colours of their classes."""
    levels = np.asarray(Image.open(image)).astype(int)
    colors = np.array([entry['color'] for entry in CLASSES])[np.minimum(levels[..., 0], 2)]
    return np.where(levels[..., :1] == 3, levels, (2 * levels + 3 * colors) // 5)


def run(*words):
    """Run a program in a process of its own, and return what it prints."""
    words = [str(word) for word in words]
    done = subprocess.run(
        words, capture_output=True, text=True, env={**os.environ, 'PYTHONPATH': ''}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ('name', 'most'), [('deploy_python.py', 40), ('deploy.cpp', 60), ('serve.py', 75)]
)
def test_examples_are_short(name, most):
    lines = (EXAMPLES / name).read_text().splitlines()
    assert len(lines) <= most and max(map(len, lines)) <= 100


@pytest.mark.parametrize('fractions', [False, True])
def test_python(fractions, exported, image, tmp_path):
    file = exported(fractions=fractions)
    words = (EXAMPLES / 'deploy_python.py', file, image, tmp_path / 'drawing.png')
    printed = run(sys.executable, *words)
    found = {line.split()[0]: line.split()[1:] for line in printed.splitlines()}
    assert found == {
        'sky': ['0.75', '25.00%'],
        'box': ['0.50', '16.67%'],
        'ball': ['0.25', '4.17%'],
    }
    assert np.array_equal(np.asarray(Image.open(tmp_path / 'drawing.png')), painted(image))


def test_python_resizes_as_the_package(exported, image, tmp_path):
    resize = dict(ALIGNED, size=[64, 96])
    file = exported((65, 97), fractions=True, resize=resize)
    run(sys.executable, EXAMPLES / 'deploy_python.py', file, image, tmp_path / 'drawing.png')
    result = PanopticModel(file, 'onnxruntime')(image)
    drawn = np.asarray(Image.open(tmp_path / 'drawing.png')) != np.asarray(Image.open(image))
    assert ((result.id_map > 0) == drawn.any(-1)).mean() > 0.98


@pytest.fixture
def service(exported):
    """Start the service on a free port; return a function that sends it a request."""
    words = ('--port', '0', '--max-megabytes', '1', '--max-megapixels', '1')
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    command = [sys.executable, EXAMPLES / 'serve.py', exported(), *words]
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with subprocess.Popen(command, env=environment, **pipes) as process:
        place = process.stdout.readline().strip().removeprefix('http://')

        def send(method, content=None, **headers):
            with closing(http.client.HTTPConnection(place, timeout=60)) as connection:
                connection.request(method, '/', content, headers)
                response = connection.getresponse()
                return response.status, json.loads(response.read())

        yield send
        process.terminate()


def encode(levels, kind='PNG'):
    file = io.BytesIO()
    Image.fromarray(levels).save(file, kind)
    return file.getvalue()


def test_service(service, image):
    levels = np.asarray(Image.open(image))
    status, answer = service('POST', encode(levels))
    assert (status, answer['width'], answer['height']) == (200, SIZE[1], SIZE[0])
    found = {s['label']: s for s in answer['segments_info']}
    assert [(name, found[name]['score']) for name in ('box', 'ball', 'sky')] == [
        *(('box', 0.5), ('ball', 0.25), ('sky', 0.75))
    ]
    for name, level in (('box', 0), ('ball', 1), ('sky', 2)):
        mask = pycocotools.mask.decode(found[name]['segmentation'])
        assert np.array_equal(mask == 1, levels[..., 0] == level)
    assert [c['name'] for c in service('GET')[1]['classes']] == [c['name'] for c in CLASSES]


def test_service_refuses_in_one_line(service):
    large = np.zeros((1001, 1000, 3), np.uint8)
    refused = (
        (400, 'no image of JPEG', ('POST', b'no image')),
        (400, 'no image of JPEG', ('POST', encode(large[:9], 'BMP'))),
        (400, 'image', ('POST', encode(large[:200])[:100])),
        (400, 'at most 1000000 pixels', ('POST', encode(large))),
        (400, 'no image of JPEG', ('POST', b'')),
    )
    for status, reason, request in refused:
        found, answer = service(*request)
        assert found == status and reason in answer['error'], answer
    # What the head says decides: nothing of the image is read.
    for status, reason, (name, value) in (
        (413, 'at most 1000000 bytes', ('Content-Length', '1000001')),
        (411, 'how long', ('Content-Length', '-1')),
        (411, 'how long', ('Transfer-Encoding', 'chunked')),
    ):
        found, answer = service('POST', **{name: value})
        assert found == status and reason in answer['error'], answer
    assert service('POST', encode(large[:9, :9]))[0] == 200


def find_headers():
    """Return the folder of onnxruntime's C++ headers, or skip the test."""
    home = os.environ.get('ORT_HOME', '')
    places = (f'{home}/include', f'{home}/include/onnxruntime', '/usr/include/onnxruntime')
    found = [place for place in places if Path(place, 'onnxruntime_cxx_api.h').is_file()]
    if not found or shutil.which('g++') is None:
        pytest.skip('g++ or the headers of onnxruntime are absent: ORT_HOME says where they are')
    return found[0]


@pytest.mark.slow
@pytest.mark.parametrize('fractions', [False, True])
def test_cpp(fractions, exported, image, tmp_path):
    """With the library of Python's package, which comes without headers."""
    headers = find_headers()
    import onnxruntime

    (library,) = Path(onnxruntime.__file__).parent.glob('capi/libonnxruntime.so.*')
    for name in ('libonnxruntime.so', 'libonnxruntime.so.1'):
        (tmp_path / name).symlink_to(library)
    link = ('-L', tmp_path, '-lonnxruntime', f'-Wl,-rpath,{tmp_path}')
    source, program = EXAMPLES / 'deploy.cpp', tmp_path / 'deploy'
    run('g++', '-std=c++17', source, '-I', headers, *link, '-o', program)
    drawing = tmp_path / 'drawing.ppm'
    printed = run(program, exported(fractions=fractions), image, drawing)
    assert printed == '2 600\n3 1300\n1000 400\n2001 100\n'
    assert np.array_equal(np.asarray(Image.open(drawing)), painted(image))
