"""A training of seconds that draws from every generator, in data workers and in the model."""

import random

import numpy as np
import torch
from mmdet.registry import DATASETS, METRICS, MODELS
from mmdet.structures import DetDataSample
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel


@DATASETS.register_module()
class ToyDataset(torch.utils.data.Dataset):
    metainfo = dict(classes=('a', 'b'))

    def __init__(self, length=11, noise=1.0):
        self.length = length
        self.noise = noise

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        noise = [random.random(), np.random.rand(), torch.rand(()).item()]
        inputs = float(index) + self.noise * torch.tensor(noise)
        name = f'images/{index}.jpg'
        return dict(inputs=inputs, data_samples=DetDataSample(metainfo=dict(img_path=name)))


@MODELS.register_module()
class ToyModel(BaseModel):
    """A linear layer; its loss is NaN at the image of number ``nan_at``."""

    def __init__(self, width=3, noise=1.0, nan_at=None):
        super().__init__()
        self.layer = torch.nn.Linear(3, width)
        self.noise = noise
        self.nan_at = nan_at

    def forward(self, inputs, data_samples=None, mode='tensor'):
        x = torch.stack(inputs)
        if mode != 'loss':
            return list(x)
        draws = torch.rand(()) + np.random.rand() + random.random()
        loss = (self.layer(x) ** 2).mean() / 100 + self.noise * draws * self.layer.weight.sum()
        names = [sample.img_path for sample in data_samples]
        if f'images/{self.nan_at}.jpg' in names:
            loss = loss * float('nan')
        return dict(loss_toy=loss, loss_other=torch.ones(()))


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """Counts predictions."""

    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        return dict(score=len(results))
