"""Test-time augmentation, as a config asks for it."""

from mmengine.config import Config


def use_tta(cfg: Config) -> None:
    """Wrap a config's model and test data as its ``tta_model`` and ``tta_pipeline`` say."""
    for name in ('tta_model', 'tta_pipeline'):
        if name not in cfg:
            raise KeyError(f'--tta: {cfg.filename} lacks {name}; see configs/kmax/_base_/datasets')
    cfg.model = {**cfg.tta_model, 'module': cfg.model}
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    dataset.pipeline = cfg.tta_pipeline
