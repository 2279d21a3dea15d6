"""What the page answers, without a browser."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest

gr = pytest.importorskip('gradio', reason='the page needs gradio')


@pytest.fixture
def values(page):
    return list(page.defaults.values())


def changed(page, **thresholds):
    return list({**page.defaults, **thresholds}.values())


def test_an_upload_is_shown(page, values, png, calls):
    key, value, switches, layer = page.upload(None, png, *values)
    assert value['image'].startswith('data:image/jpeg') and value['names'] == ['nano']
    assert set(value['views'][0]) == {'panoptic', 'semantic', 'instances'}
    assert len(value['clusters'][0]) == layer['maximum'] == 3
    assert switches['value'] == page.visits.get(key).offered
    json.dumps(value)


def test_thresholds_act_without_the_network(page, values, png, calls):
    key, value, *_ = page.upload(None, png, *values)
    fewer, _ = page.merge(key, *changed(page, class_threshold_thing=1.0))
    assert set(fewer) == {'views'}
    panoptic = [part['views'][0]['panoptic']['entries'] for part in (value, fewer)]
    assert len(panoptic[1]) < len(panoptic[0])
    assert calls == [1]


def test_visitors_have_their_own(page, values, png):
    first, *_ = page.upload(None, png, *values)
    second, *_ = page.choose(None, event(0), *values)
    assert page.visits.get(first).image.shape != page.visits.get(second).image.shape
    page.switch(first, [])
    assert page.visits.get(first).hidden and not page.visits.get(second).hidden


def event(index):
    return gr.SelectData(None, dict(index=index, value=None))


@pytest.mark.parametrize('index', [99, -1, [0, 1], 'x'])
def test_there_are_no_other_examples(page, values, index):
    with pytest.raises(gr.Error, match='There is no such example'):
        page.choose(None, event(index), *values)


def test_a_wrong_file_leaves_what_was_there(page, values, png):
    key, *_ = page.upload(None, png, *values)
    with pytest.raises(gr.Error, match='The file is not an image'):
        page.upload(key, b'no picture', *values)
    assert page.visits.get(key).content == png


def test_a_threshold_out_of_range_is_a_sentence(page, values, png):
    key, *_ = page.upload(None, png, *values)
    with pytest.raises(gr.Error, match='overlap_threshold'):
        page.merge(key, *changed(page, overlap_threshold=7))


def test_files_hold_what_is_on(page, values, png):
    key, *_ = page.upload(None, png, *values)
    off, *on = page.visits.get(key).offered
    page.switch(key, on)
    files = [Path(file) for file in page.make_files(key, 0.5, *values)]
    assert [file.name for file in files] == ['result.png', 'result_panoptic.png', 'result.json']
    content = json.loads(files[2].read_text())
    ids = cv2.imread(str(files[1]), cv2.IMREAD_UNCHANGED)[..., 2]
    found = content['annotations'][0]['segments_info']
    assert ids.shape == (60, 90) and set(np.unique(ids)) - {0} == {s['id'] for s in found}
    names = {category['id']: category['name'] for category in content['categories']}
    assert off not in {names[segment['category_id']] for segment in found}


def ask(address, function, data):
    """Send what the browser would; return whether it was done, and the answer."""
    body = dict(data=data, fn_index=function, session_hash='s', event_data=None, trigger_id=1)
    request = urllib.request.Request(
        f'{address}/gradio_api/queue/join',
        json.dumps(body).encode(),
        {'Content-Type': 'application/json'},
    )
    urllib.request.urlopen(request).close()
    with urllib.request.urlopen(f'{address}/gradio_api/queue/data?session_hash=s') as stream:
        for line in stream:
            message = json.loads(line.removeprefix(b'data: ')) if line.strip() else {}
            if message.get('msg') == 'process_completed':
                return message['success'], message['output']
    raise AssertionError('no answer')


@pytest.mark.parametrize('place', ['file', 'address', 'file address'])
def test_no_path_of_a_request_is_opened(page, values, png, serve, tmp_path, place):
    secret = tmp_path / 'secret.png'
    secret.write_bytes(png)
    address = serve()
    path = dict(file=str(secret), address=f'{address}/favicon.ico').get(place, secret.as_uri())
    config = json.loads(urllib.request.urlopen(f'{address}/config').read())
    function = next(d['id'] for d in config['dependencies'] if d['api_name'] == 'upload')
    file = dict(path=path, meta=dict(_type='gradio.FileData'))
    done, output = ask(address, function, [None, file, *values])
    assert not done and len(page.visits) == 0
    assert ('addresses are not opened' in str(output)) == (place == 'address'), output
    with pytest.raises(urllib.error.HTTPError, match='40'):
        urllib.request.urlopen(f'{address}/gradio_api/file={secret}')


def test_a_page_asks_no_other_server(serve):
    content = urllib.request.urlopen(serve()).read().decode()
    theme = urllib.request.urlopen(f'{serve()}/theme.css').read().decode()
    assert 'fonts.g' not in content + theme
