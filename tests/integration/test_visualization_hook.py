from mmengine.config import Config
from mmengine.runner import Runner


def test_test_run_draws_every_image(folder, tmp_path):
    config = Config.fromfile(str(folder / 'everything.py'))
    hook = dict(type='DetVisualizationHook', draw=True, test_out_dir='drawn')
    config.merge_from_dict(
        dict(
            work_dir=str(tmp_path),
            load_from=str(folder / 'weights.pth'),
            default_hooks=dict(visualization=hook),
            test_cfg=dict(type='TestLoop'),
            test_evaluator=dict(type='DumpDetResults', out_file_path=str(tmp_path / 'results.pkl')),
        )
    )
    config.test_dataloader.update(
        batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False)
    )
    Runner.from_cfg(config).test()
    assert len(list(tmp_path.glob('*/drawn/*.png'))) == 3
