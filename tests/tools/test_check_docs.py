"""README and docs say what there is, and the check of them finds what is not."""

import importlib
import sys

import pytest
from imports import ROOT


@pytest.fixture(scope='module')
def docs_check():
    """The package of the tool, whose folder is on the path of tools alone."""
    sys.path.insert(0, str(ROOT / 'tools'))
    try:
        yield importlib.import_module('docs_check.checking')
    finally:
        sys.path.remove(str(ROOT / 'tools'))


@pytest.fixture
def faults(docs_check, tmp_path):
    """Return a function from the text of a README to what is wrong with it."""

    def check(text):
        (tmp_path / 'README.md').write_text(text)
        return list(docs_check.find_faults(docs_check.read_pages(tmp_path), tmp_path))

    return check


def test_every_page_says_what_there_is(docs_check):
    pages = docs_check.read_pages()
    assert len(pages) > 30
    assert list(docs_check.find_faults([*pages, *docs_check.read_helps()])) == []
    plans = docs_check.make_plans(pages)
    assert len(plans) > 100
    assert sum(1 for plan in plans if plan.words) > 50


@pytest.mark.parametrize(
    ('text', 'fault'),
    [
        (
            '```bash\nkmax-deeplab tarin x.py  # yours\n```',
            'README.md:2: there is no command tarin: kmax-deeplab tarin x.py',
        ),
        (
            'Say\n\n    kmax-deeplab predict a.jpg \\\n        --outt b\n',
            'README.md:3: predict has no option --outt: kmax-deeplab predict a.jpg --outt b',
        ),
        (
            '```bash\ncd x && X=1 python tools/traim.py CONFIG\n```',
            'README.md:2: there is no tools/traim.py: python tools/traim.py CONFIG',
        ),
        (
            '```bash\npython tools/train.py configs/kmax/kmax_r51.py\n```',
            'README.md:2: there is no configs/kmax/kmax_r51.py: '
            'python tools/train.py configs/kmax/kmax_r51.py',
        ),
        (
            '```bash\nkmax-deeplab train kmax_nona_shapes-panoptic\n```',
            'README.md:2: there is no config kmax_nona_shapes-panoptic: '
            'kmax-deeplab train kmax_nona_shapes-panoptic',
        ),
        (
            "```bash\npip install 'kmax-deeplab[depoly]'\n```",
            "README.md:2: there is no extra depoly: pip install 'kmax-deeplab[depoly]'",
        ),
        (
            '```bash\nbash tools/dist_test.sh CONFIG CHECKPOINT 8 --all-taks\n```',
            'README.md:2: test has no option --all-taks: ',
        ),
        (
            '```bash\nbash tools/dist_run.sh 8 train.py CONFIG --max-restarts 3 --resum\n```',
            'README.md:2: train has no option --resum: ',
        ),
        (
            '```bash\ndocker run --rm kmax-deeplab shapse data/shapes\n```',
            'README.md:2: there is no command shapse: ',
        ),
        ('```bash\n\necho "a\n```', 'README.md:3: quotes are not closed: echo "a'),
        (
            '```bash\nrm -rf photos\n```',
            'README.md:2: no rule says whether to run this: rm -rf photos',
        ),
        (
            '```bash\nkmax-deeplab predict a.jpg --write nonsense\n```',
            "README.md:2: argument --write: invalid choice: 'nonsense'",
        ),
        (
            '```bash\nkmax-deeplab predict\n```',
            'README.md:2: the following arguments are required: IMAGES, --out: kmax-deeplab',
        ),
        (
            '```bash\nkmax-deeplab train CONFIG --cfg-options a=1 --resum\n```',
            'README.md:2: train has no option --resum: ',
        ),
        (
            '```bash\nbash tools/quickstart.sh --minuets 3 > log 2>&1\n```',
            'README.md:2: tools/quickstart.sh has no option --minuets: ',
        ),
        (
            '~~~console\n$ kmax-deeplab tarin x.py\nprinted\n~~~',
            'README.md:2: there is no command tarin: kmax-deeplab tarin x.py',
        ),
        (
            '- a list\n\n  ```\n  python -m kmax_deeplab tarin x.py\n  ```',
            'README.md:4: there is no command tarin: ',
        ),
        (
            '> ```bash\n> kmax-deeplab tarin x.py\n> ```',
            'README.md:2: there is no command tarin: ',
        ),
        (
            'Take\n`kmax-deeplab predict --outt a` for it.',
            'README.md:2: predict has no option --outt: kmax-deeplab predict --outt a',
        ),
        (
            'Take `predict --outt a` for it.',
            'README.md:1: predict has no option --outt: predict --outt a',
        ),
        (
            '| a |\n|---|\n| `--no-such-option` |',
            'README.md:3: no command has the option --no-such-o',
        ),
        ('```bash\nbash\n```', 'README.md:2: no rule says whether to run this: bash'),
        (
            '```python\nx = 1\nfrom projects.kmax.apis import KMaXInferenzer\n```',
            'README.md:3: projects.kmax.apis has no KMaXInferenzer',
        ),
        (
            '```python\nfrom projects.kmax.aps import KMaXInferencer\n```',
            'README.md:2: there is no module projects.kmax.aps',
        ),
        ('a\n[b\nc](none.md "title")', 'README.md:2: there is no none.md'),
        ('[a][r]\n\n[r]: none.md', 'README.md:1: there is no none.md'),
        ('[a][r]', 'README.md:1: [a][r] is a link to nothing'),
        ('<img src="none.png">', 'README.md:1: there is no none.png'),
        ('a <a href="none.md">b</a>', 'README.md:1: there is no none.md'),
        ('[![a](b.png)](https://example.org)', 'README.md:1: there is no b.png'),
        ('[a](docs/none.md)', 'README.md:1: there is no docs/none.md'),
        ('# A page\n[a](#a-page) [b](#a-pgae)', 'README.md:2: README.md has no heading #a-pgae'),
        ('```python\n\nx = (\n```', "README.md:3: this is no python: '(' was never closed"),
        ('Say\n```bash\nkmax-deeplab models\n', 'README.md:2: this code block has no end'),
        ('```json\n{1}\n```', 'README.md:2: this is no json: Expecting property name'),
    ],
)
def test_faults_are_named_by_place_and_command(faults, text, fault):
    (found,) = faults(text)
    assert found.startswith(fault)


def test_what_is_right_is_no_fault(faults):
    text = """
# A `page` of its [own](https://example.org)

<a id="here"></a> [a](#a-page-of-its-own) [b](#here) `kmax-deeplab predict --out a` `predict --out`

Setext
------

````
kmax-deeplab predict a.jpg \\
    --out b > log 2>&1
````

[c](#setext) `X[0][1]`
"""
    assert faults(text) == []


def test_nothing_is_run_for_a_text_that_no_command_holds(docs_check, capsys):
    for words, message in (
        (['--only', 'predict'], '--only chooses what --run runs'),
        (['--run', '--only', 'a text'], '--only: no command holds a text, nor does its place'),
    ):
        with pytest.raises(SystemExit) as ended:
            docs_check.main(words)
        assert ended.value.code == 2
        assert f'check_docs.py: error: {message}; see' in capsys.readouterr().err


def test_the_command_ends_with_1(docs_check, monkeypatch, capsys):
    monkeypatch.setattr(docs_check, 'find_faults', lambda pages: ['README.md:1: wrong'])
    with pytest.raises(SystemExit) as ended:
        docs_check.main([])
    assert ended.value.code == 1
    assert capsys.readouterr().out.endswith(' 1 faults\nREADME.md:1: wrong\n')


@pytest.mark.parametrize(
    ('command', 'reason'),
    [
        ('pip install tensorflow-cpu', 'installs packages'),
        ('python tools/convert_checkpoint.py deeplab2 a b', 'needs a download: released weights'),
        ('kmax-deeplab train kmax_r50_8xb8-150k_coco-panoptic', 'needs a download: official data'),
        ('kmax-deeplab prepare-coco downloads data/coco', 'needs a download: official data'),
        ('bash tools/slurm_train.sh A B CONFIG C', 'needs a cluster'),
    ],
)
def test_what_is_not_run_has_a_reason(docs_check, command, reason):
    (plan,) = docs_check.make_plans([docs_check.Page('a.md', f'```bash\n{command}\n```')])
    assert (plan.words, plan.reason) == ((), reason)


def test_words_of_a_reader_get_stand_ins_and_long_commands_are_shortened(docs_check, monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: name)
    text = '```bash\nkmax-deeplab export CONFIG CHECKPOINT my.onnx --no-check\n```\n'
    text += '```bash\nkmax-deeplab shapes data/shapes\nbash tools/dist_test.sh CONFIG CKPT 8\n```'
    export, shapes, test = docs_check.make_plans([docs_check.Page('a.md', text)])
    assert export.made == 'my.onnx'
    assert export.words[2:4] == (
        'configs/kmax/kmax_nano_shapes-panoptic.py',
        'work_dirs/quickstart/iter_2000.pth',
    )
    assert shapes.words[2:] == ('data/shapes', '--train', '16', '--val', '4')
    assert test.words[4:] == ('2',)


@pytest.fixture
def run(docs_check, monkeypatch, tmp_path):
    """Return a function from a page to what running it prints and what is wrong with it."""
    running = importlib.import_module('docs_check.running')
    monkeypatch.setattr(running, 'provide_weights', lambda *args: None)
    monkeypatch.setattr(running, 'provide', lambda root, *args: root.mkdir())

    def start(text, capsys):
        plans = docs_check.make_plans([docs_check.Page('README.md', text)])
        faults = list(docs_check._run(plans, workers=2))
        return capsys.readouterr().out, faults

    return start


def test_commands_that_fail_are_named(run, capsys):
    text = """
```bash
python -c "print('one'); open('a', 'x')"
python -c "import sys; open(sys.argv[1])" a*
```

```bash
pip install nothing
python -c "print('two'); open('a')"
```
"""
    printed, (fault,) = run(text, capsys)
    assert '1 commands are not run: installs packages\n  README.md:8: pip install' in printed
    assert '3 commands are run' in printed
    # Each block begins with what a reader has, and its commands follow one another.
    assert fault.startswith('README.md:9: ends with 1: FileNotFoundError: ')


def test_commands_without_an_end_are_ended(run, docs_check, monkeypatch, capsys):
    running = sys.modules['docs_check.running']
    monkeypatch.setattr(running, 'LIMIT', 1)
    _, (fault,) = run('```bash\npython -c "import time; time.sleep(60)"\n```', capsys)
    assert fault.startswith('README.md:2: has not ended within 1 s: python -c ')


def test_a_page_in_the_browser_is_stopped_once_it_tells_its_address(run, docs_check):
    running = sys.modules['docs_check.running']
    script = 'import time; print("at http://127.0.0.1:1", flush=True); time.sleep(60)'
    with running.Reader() as reader:
        plan = docs_check.Plan(None, (sys.executable, '-c', script), serves=True)
        assert reader._try(plan, ROOT) is None
        ends = docs_check.Plan(None, (sys.executable, '-c', 'print("no")'), serves=True)
        assert reader._try(ends, ROOT) == 'ends with 0: no'


@pytest.mark.slow
def test_all_commands_run(docs_check, capsys):
    docs_check.main(['--run'])
    assert ' commands are run\n' in capsys.readouterr().out
