"""Downloads from a server on the loopback interface that breaks off, refuses or knows no ranges."""

import errno

import numpy as np
import pytest
from helpers import files_limited_to, free_port

from projects.kmax.released.download import DownloadError, download

CONTENT = np.random.default_rng(0).bytes(5000)
NAME = 'x.tar.gz'


@pytest.fixture
def get(archive_server, tmp_path):
    """Return a function that downloads a file to a new folder, and what that then holds."""
    archive_server.files[NAME] = CONTENT

    def run(name=NAME):
        download(f'{archive_server.url}/{name}', tmp_path / 'a' / 'b' / name, show_progress=False)

    run.folder = tmp_path / 'a' / 'b'
    run.files = lambda: {path.name: path.read_bytes() for path in run.folder.iterdir()}
    return run


def leave_part(get, content):
    get.folder.mkdir(parents=True)
    (get.folder / f'{NAME}.part').write_bytes(content)


def test_file_appears_whole(get, archive_server):
    get()
    assert get.files() == {NAME: CONTENT}
    assert archive_server.gets == [(NAME, None)]


def test_connections_that_break_are_gone_on_with(get, archive_server):
    # More than the tries that may fail without progress.
    archive_server.breaks = [2500, 1, 1, 1, 1000]
    get()
    assert get.files() == {NAME: CONTENT}
    starts = (2500, 2501, 2502, 2503, 3503)
    assert archive_server.gets == [(NAME, None), *((NAME, f'bytes={n}-') for n in starts)]


def test_a_later_call_goes_on(get, archive_server):
    archive_server.breaks = [2500, 0, 0]
    message = rf'{NAME} cannot be downloaded: the connection broke off after 2500 of 5000 bytes; '
    with pytest.raises(DownloadError, match=message + 'the 0.0 MiB so far are kept'):
        get()
    assert get.files() == {f'{NAME}.part': CONTENT[:2500]}
    archive_server.gets.clear()
    get()
    assert get.files() == {NAME: CONTENT}
    assert archive_server.gets == [(NAME, 'bytes=2500-')]


def test_a_server_without_ranges_sends_all_again(get, archive_server):
    archive_server.knows_ranges = False
    archive_server.breaks = [2500]
    get()
    assert get.files() == {NAME: CONTENT}


def test_a_part_that_is_whole_is_the_file(get, archive_server):
    leave_part(get, CONTENT)
    get()
    assert get.files() == {NAME: CONTENT}
    assert archive_server.gets == [(NAME, 'bytes=5000-')]


def test_a_part_of_a_longer_file_is_dropped(get):
    leave_part(get, CONTENT * 2)
    get()
    assert get.files() == {NAME: CONTENT}


def test_a_length_that_is_not_told_is_not_missed(get, archive_server):
    archive_server.tells_length = False
    get()
    assert get.files() == {NAME: CONTENT}


def test_a_busy_server_is_asked_again(get, archive_server):
    archive_server.statuses = [503, 429]
    get()
    assert get.files() == {NAME: CONTENT}
    archive_server.statuses = [503, 503, 503]
    with pytest.raises(DownloadError, match='y.tar.gz cannot be downloaded: HTTP 503 Service Unav'):
        get('y.tar.gz')


def test_a_file_that_is_missing_is_asked_for_once(get, archive_server):
    with pytest.raises(DownloadError, match='/y.tar.gz cannot be downloaded: HTTP 404 Not Found$'):
        get('y.tar.gz')
    assert len(archive_server.gets) == 1 and get.files() == {}


@pytest.mark.usefixtures('archive_server')
def test_no_server_is_told(tmp_path):
    url = f'http://127.0.0.1:{free_port()}/x'
    with pytest.raises(DownloadError, match=f'^{url} cannot be downloaded: .*refused'):
        download(url, tmp_path / 'x', show_progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_no_number_is_told(tmp_path):
    with pytest.raises(DownloadError, match='^http://h:x/y is no URL: nonnumeric port'):
        download('http://h:x/y', tmp_path / 'y', show_progress=False)


def test_a_full_disk_keeps_what_there_is(get, archive_server):
    with files_limited_to(2000), pytest.raises(OSError) as error:
        get()
    assert error.value.errno == errno.EFBIG
    assert error.value.filename == str(get.folder / f'{NAME}.part')
    assert get.files() == {f'{NAME}.part': CONTENT[:2000]}
    get()
    assert get.files() == {NAME: CONTENT}
    assert archive_server.gets == [(NAME, None), (NAME, 'bytes=2000-')]


def test_progress_is_shown_on_stderr(archive_server, tmp_path, capsys):
    archive_server.files[NAME] = CONTENT
    download(f'{archive_server.url}/{NAME}', tmp_path / NAME)
    printed = capsys.readouterr()
    assert printed.out == ''
    assert f'downloading {NAME}' in printed.err and '4.9/4.9 KiB' in printed.err
