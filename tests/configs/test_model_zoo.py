"""The model zoo's files agree with each other, with the configs and with what the models cost."""

import os
import re
import subprocess

import pytest
import yaml
from imports import ROOT
from mmengine.config import Config
from mmengine.registry import init_default_scope

from kmax_deeplab.released import list_models
from projects.kmax.engine.model_cost import model_cost

README = ROOT / 'projects/kmax/README.md'
EXAMPLES = {'kmax_swin-t_8xb8-150k_coco-panoptic'}
METAFILE = yaml.safe_load((ROOT / 'projects/kmax/metafile.yml').read_text())
MODELS = {model['Name']: model for model in METAFILE['Models']}


def read_tables():
    """Return the README's rows by config: titles of the columns and cells, without links."""
    rows, header = {}, []
    for line in README.read_text().splitlines():
        if not line.startswith('|'):
            header = []
            continue
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        header = header or cells
        name = re.search(r'\[`(\w.*?)`\]\(\.\./\.\./configs/kmax/\1\.py\)', line)
        if name:
            rows[name[1]] = dict(zip(header, cells, strict=True))
    return rows


ROWS = read_tables()


def figures(row, kind):
    """Return a row's figures of one kind by their name."""
    suffix = f' ({kind})'
    return {key.removesuffix(suffix): row[key] for key in row if key.endswith(suffix)}


def test_index_names_the_metafile_and_the_metafile_the_configs():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())
    assert index == {'Import': ['projects/kmax/metafile.yml']}
    (collection,) = METAFILE['Collections']
    assert (ROOT / collection['README']).is_file()
    assert len(MODELS) == len(METAFILE['Models']) == 26
    configs = {path.stem for path in (ROOT / 'configs/kmax').glob('kmax_*_8xb*-panoptic*.py')}
    assert {*MODELS} == configs - EXAMPLES
    for name, model in MODELS.items():
        assert model['Config'] == f'configs/kmax/{name}.py'
        assert model['In Collection'] == collection['Name']


def test_readme_and_metafile_have_the_same_figures():
    assert {*ROWS} == {*MODELS}
    for name, model in MODELS.items():
        assert ROWS[name]['name'] == f'`{model["Alias"]}`'
        results = model.get('Results', [])
        assert all(result['Source'] == 'published' for result in results)
        metrics = {key: x for result in results for key, x in result['Metrics'].items()}
        published = figures(ROWS[name], 'published')
        # mmdet's index knows one PQ.
        published.pop('PQ of their pipeline', None)
        assert {key: float(value) for key, value in published.items()} == metrics
        measured = figures(ROWS[name], 'measured')
        assert float(measured['parameters'].removesuffix(' M')) * 1e6 == pytest.approx(
            model['Metadata']['Parameters']
        )
        assert float(measured['GMACs']) * 1e9 == pytest.approx(model['Metadata']['FLOPs'])
        weights = model['Converted From'].get('Weights')
        assert ROWS[name].get('weights') == (weights and f'[TensorFlow]({weights})')
        assert bool(weights) == bool(results) == ('-port_' not in name)


def test_imagenet_weights_of_every_backbone_are_listed():
    rows = re.findall(r'\| \[`(\w+)`\]\((\S+)\) \| `(\S+)` \|', README.read_text())
    assert all(url.endswith(f'/checkpoint/{archive}.tar.gz') for archive, url, _ in rows)
    configs = [config for *_, config in rows]
    assert {*configs} <= {*MODELS}
    backbones = {name.split('_')[1] for name in MODELS if '-port_' not in name}
    assert sorted(config.split('_')[1] for config in configs) == sorted(backbones)


def test_configs_of_max_s_say_that_they_need_weights():
    paths = [*(ROOT / 'configs/kmax').glob('kmax_axial-r50_*.py')]
    (line,) = {path.read_text().splitlines()[0] for path in paths}
    assert 'from ImageNet weights: ``load_from`` a file of tools/convert_checkpoint.py' in line


def test_every_figure_says_where_it_is_from():
    known = {'model', 'name', 'config', 'weights'}
    for row in ROWS.values():
        assert all(title.endswith((' (published)', ' (measured)')) for title in {*row} - known)
    assert '**No published model was evaluated here.**' in README.read_text()


@pytest.mark.parametrize('name', MODELS)
def test_schedule_and_parameters_are_the_models(name, on_meta):
    config, model = on_meta(name)
    metadata = MODELS[name]['Metadata']
    assert metadata['Iterations'] == config.train_cfg.max_iters
    assert metadata['Batch Size'] == config.auto_scale_lr.base_batch_size
    assert metadata['Training Data'].lower() in name.replace('panoptic', '')
    auxiliary = sum(p.numel() for p in model.panoptic_head.semantic_decoder.parameters())
    trained = sum(p.numel() for p in model.parameters())
    measured = figures(ROWS[name], 'measured')
    assert measured['parameters'] == f'{(trained - auxiliary) / 1e6:.2f} M'
    assert measured['with auxiliary head'] == f'{trained / 1e6:.2f} M'


# Of the others the figures take long.
QUICK = 'kmax_convnext-t_8xb8-150k_coco-panoptic'
OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in MODELS if name != QUICK]


@pytest.mark.parametrize('name', [QUICK, *OTHERS])
def test_gmacs_are_measured(name):
    config = Config.fromfile(ROOT / f'configs/kmax/{name}.py')
    init_default_scope('mmdet')
    assert f'{model_cost(config).macs / 1e9:.1f}' == ROWS[name]['GMACs (measured)']


def test_commands_download_convert_and_evaluate_every_row(tmp_path):
    blocks = re.findall(r'```bash\n(evaluate.*?)```', README.read_text(), re.DOTALL)
    calls = tmp_path / 'calls'
    for program in ('curl', 'python'):
        path = tmp_path / program
        path.write_text(f'#!/bin/sh\necho {program} "$@" >> {calls}\n')
        path.chmod(0o755)
    environment = {**os.environ, 'PATH': f'{tmp_path}:{os.environ["PATH"]}'}
    for block in blocks:
        subprocess.run(['bash', '-e', '-c', block], env=environment, check=True)
    expected = []
    for name, model in MODELS.items():
        url = model['Converted From'].get('Weights')
        form, file = ('deeplab2', url.rpartition('/')[2]) if url else ('port', 'PORT_FILE')
        config = f'configs/kmax/{name}.py'
        expected += [f'curl --fail --location --remote-name {url}'] if url else []
        convert = f'tools/convert_checkpoint.py {form} {file} {name}.pth --config {config}'
        expected += [f'python {convert}', f'python tools/test.py {config} {name}.pth --all-tasks']
    assert calls.read_text().splitlines() == expected


def front_rows():
    """Return the rows of the table of models that the front page has, by the model's name."""
    text = (ROOT / 'README.md').read_text()
    (table,) = re.findall(r'^\| data \| model \|.*?\n\n', text, re.MULTILINE | re.DOTALL)
    lines = [line.strip('|').split('|') for line in table.strip().splitlines()]
    header, _, *rows = ([cell.strip() for cell in line] for line in lines)
    return {row[1].strip('`'): dict(zip(header, row, strict=True)) for row in rows}


def memory_of_training():
    """Return the GiB at batch 1 as it is, by the config's name, of docs/hardware.md."""
    text = (ROOT / 'docs/hardware.md').read_text()
    return dict(re.findall(r'^\| (\S+-panoptic\S*) \| [\dx ]+ \| ([\d.]+) / ', text, re.MULTILINE))


def seconds_on_one_core():
    """Return eager's seconds and OpenVINO's share of them, by model and size, of the engines."""
    found, model = {}, ''
    text = (ROOT / 'docs/deployment.md').read_text().partition('## Engines side by side')[2]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        if not line.startswith('| ') or len(cells) != 9:
            continue
        if cells[0] and not cells[0].startswith('the same'):
            model = cells[0].split(', two')[0]
        if cells[2] == '1':
            found[model, cells[1]] = float(cells[3]), float(cells[7])
    return found


TIMED = {
    'kmax_r50_coco': ("R50, original's recipe", '1281²'),
    'kmax_convnext-t_coco': ('ConvNeXt-T', '1281²'),
    'kmax_r50_ade20k_641x641': ("R50, original's recipe", '641²'),
}
"""Rows of the table of engines that the front page has, of the same network and input."""


def test_front_page_has_the_figures_of_the_pages():
    rows, memory, seconds = front_rows(), memory_of_training(), seconds_on_one_core()
    models = {model.alias: model for model in list_models()}
    assert len(rows) == 8 and {*TIMED} < {*rows} < {*models}
    for name, row in rows.items():
        model = models[name]
        assert row['published PQ'] == f'{model.figures["PQ"]:.1f}', name
        size = f'{model.parameters / 1e6:.1f}; {model.macs / 1e9:.0f}'
        assert row['size, M; GMACs'] == size, name
        gib = float(memory[model.name.removeprefix('kmax_')])
        assert float(row['GiB']) == pytest.approx(gib, abs=0.051), name
        assert model.licence == f'{row["code"]} (code)', name
        if name in TIMED:
            eager, share = seconds[TIMED[name]]
            assert row['CPU, s'] == f'{eager:.1f}, {eager * share:.1f}', name
        else:
            assert row['CPU, s'] == '', name
