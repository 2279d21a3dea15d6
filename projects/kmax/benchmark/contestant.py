"""A model in a benchmark, and the runs of it that are measured."""

import copy
from dataclasses import dataclass, replace
from typing import Any

import torch
from mmcv.cnn import fuse_conv_bn
from mmcv.cnn.bricks import DropPath
from mmdet.models.detectors import MaskFormer, TwoStagePanopticSegmentor
from mmdet.registry import MODELS
from mmdet.structures import SampleList
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.flop_counter import FlopCounterMode

from ..engine.compilation import compile_model
from ..engine.model_cost import count_parameters
from ..engine.weights import check_weights, read_weights
from ..models import KMaXDeepLab
from .conditions import Conditions
from .scenes import Scene
from .stages import StageClock, replaced, stages_of

ONLY_PANOPTIC = dict(panoptic_on=True, semantic_on=False, instance_on=False)


@dataclass
class Contestant:
    """One model under the conditions of a benchmark.

    Attributes:
        name: What reports call it.
        model: A panoptic model of mmdet, on its device.
        conditions: The work.
        scenes: The images of a batch.
        samples: Their data samples, which runs copy.
        optimizer: For training, mmengine's wrapper of the optimiser.
        identity: What only models of one class with the same weights have in common.
    """

    name: str
    model: Any
    conditions: Conditions
    scenes: list[Scene]
    samples: SampleList
    optimizer: Any = None
    identity: Any = None

    @classmethod
    def build(
        cls, name: str, config: Config, conditions: Conditions, weights: str | None = None
    ) -> 'Contestant':
        """Build the model of a config for the conditions, as it is: neither fused nor compiled.

        Args:
            name: What reports call it.
            config: Config of a panoptic model of mmdet.
            conditions: The work.
            weights: Its checkpoint. Without one the weights are random, and batch norms have seen
                the scenes.

        Raises:
            ValueError: If it is no panoptic model, or the checkpoint is not one of it.
        """
        init_default_scope(config.get('default_scope') or 'mmdet')
        settings = _adapted(copy.deepcopy(config.model), conditions)
        torch.manual_seed(0)
        model = MODELS.build(settings)
        check_kind(model, config.filename)
        if conditions.end_to_end and weights is None and not hasattr(model, 'panoptic_head'):
            raise ValueError(
                f'{config.filename} is the config of {type(model).__name__}, which merges regions: '
                'with --end-to-end it needs a checkpoint, to find any'
            )
        model.init_weights()
        if weights is not None:
            tensors = read_weights(weights)
            check_weights(model, tensors, weights)
            model.load_state_dict(tensors, strict=False)
        model.to(conditions.device).train(conditions.train)
        fusion = model.panoptic_fusion_head
        counts = fusion.num_things_classes, fusion.num_stuff_classes
        scenes = [Scene.draw(conditions, *counts, seed) for seed in range(conditions.batch)]
        samples = [scene.sample() for scene in scenes]
        contestant = cls(name, model, conditions, scenes, samples)
        if weights is None:
            contestant._let_norms_see()
        contestant.identity = (
            type(model),
            {key: value.cpu().double().sum().item() for key, value in model.state_dict().items()},
        )
        if conditions.train:
            wrapper = config.get('optim_wrapper') or dict(optimizer=dict(type='AdamW', lr=1e-4))
            contestant.optimizer = build_optim_wrapper(model, {**wrapper, 'type': 'OptimWrapper'})
        return contestant

    def prepare(self) -> None:
        """Fuse and compile as the conditions ask for it."""
        if self.conditions.fuse:
            self.model = fuse(self.model)
        if self.conditions.compile:
            compile_model(self.model)

    def run(self) -> Any:
        """Do the work once."""
        if self.conditions.train:
            return self.training_step()
        return self.maps() if self.conditions.end_to_end else self.logits()

    @torch.no_grad()
    def logits(self) -> Any:
        """Return what the network makes of normalised images: class and mask logits, mostly."""
        images, samples = self._normalised()
        with self.conditions.precision():
            if self._head is None:
                return self.model(images, samples, mode='tensor')
            features = self.model.extract_feat(images)
            if isinstance(self.model, KMaXDeepLab):
                return self._head.predict(features, samples)
            # What others call predict brings the masks to the input's size, too.
            classes, masks = self._head(features, samples)
            return classes[-1], masks[-1]

    @torch.no_grad()
    def maps(self) -> list[Tensor]:
        """Return panoptic maps, on the host, that start from images of 8 bits.

        The network runs; what is merged are the logits of the scenes.
        """
        if self._head is None:
            return self._predicted_maps()
        predict = self._head.predict
        with replaced(self._head, 'predict', lambda *args: self._scene_logits(predict(*args))):
            return self._predicted_maps()

    @torch.no_grad()
    def own_maps(self) -> list[Tensor]:
        """Return panoptic maps of the network's own logits."""
        return self._predicted_maps()

    def training_step(self) -> None:
        """Take one step: forward, losses, backward, optimiser."""
        self.optimizer.update_params(self._loss())

    def _loss(self) -> Tensor:
        data = self.model.data_preprocessor(self._data(), True)
        with self.conditions.precision():
            losses = self.model(**data, mode='loss')
        return self.model.parse_losses(losses)[0]

    def loss_and_gradient(self) -> tuple[float, float]:
        """Return the sum of losses of a step and the norm of its gradients, without dropout."""
        chance = [m for m in self.model.modules() if isinstance(m, nn.Dropout | DropPath)]
        for module in chance:
            module.eval()
        torch.manual_seed(0)
        total = self._loss()
        total.backward()
        for module in chance:
            module.train()
        gradients = [value.grad for value in self.model.parameters() if value.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients).item()
        self.model.zero_grad()
        return total.item(), norm

    def stages(self, count: int) -> dict[str, float]:
        """Return the seconds of each part of a run, averaged over some runs; not compiled."""
        clock = StageClock(self.conditions.synchronize)
        places = stages_of(self.model)
        if self.optimizer is not None:
            places[self.optimizer, 'backward'] = 'backward'
            places[self.optimizer, 'step'] = 'optimiser'
        # Compiled parts would not call the methods that are watched.
        with torch.compiler.set_stance('force_eager'):
            for _ in range(count):
                with clock.watch(places):
                    self.run()
        return {stage: seconds / count for stage, seconds in clock.seconds.items()}

    def cost(self) -> dict[str, float]:
        """Return parameters in millions and the GMACs of one image's network."""
        trained = [value for value in self.model.parameters() if value.requires_grad]
        parameters = count_parameters(self.model)
        was_training = self.model.training
        counter = FlopCounterMode(display=False)
        # The counter follows gradients, which there are none of.
        self.model.eval().requires_grad_(False)
        with counter:
            self.logits()
        self.model.train(was_training)
        for value in trained:
            value.requires_grad_(True)
        return dict(
            parameters_m=parameters / 1e6,
            gmacs=counter.get_total_flops() / 2e9 / self.conditions.batch,
        )

    @property
    def _head(self) -> Any:
        """What gives class and mask logits; detectors with regions have none."""
        return getattr(self.model, 'panoptic_head', None)

    def _let_norms_see(self) -> None:
        """Give batch norms the statistics of the scenes, so that all values are ordinary."""
        norms = [m for m in self.model.modules() if isinstance(m, _BatchNorm)]
        momenta = [norm.momentum for norm in norms]
        was_training = self.model.training
        self.model.eval()
        for norm in norms:
            norm.momentum = 1.0
            norm.train()
        # In full precision, so that the models of all conditions are the same.
        replace(self, conditions=self.conditions.plain).logits()
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        self.model.train(was_training)

    def _data(self) -> dict:
        return dict(
            inputs=[scene.image for scene in self.scenes],
            data_samples=[sample.new() for sample in self.samples],
        )

    def _normalised(self) -> tuple[Tensor, SampleList]:
        if not hasattr(self, '_input'):
            data = self.model.data_preprocessor(self._data())
            self._input = data['inputs'], data['data_samples']
        return self._input

    def _scene_logits(self, like: Any) -> tuple[Tensor, Tensor]:
        """Return the scenes' logits instead of the network's; made once."""
        if not hasattr(self, '_shown'):
            images = zip(*like, strict=True)
            parts = [
                scene.logits((classes[None], masks[None]))
                for scene, (classes, masks) in zip(self.scenes, images, strict=True)
            ]
            classes, masks = zip(*parts, strict=True)
            self._shown = torch.cat(classes), torch.cat(masks)
        return self._shown

    def _predicted_maps(self) -> list[Tensor]:
        with self.conditions.precision():
            samples = self.model.test_step(self._data())
        return [torch.as_tensor(s.pred_panoptic_seg.sem_seg).cpu() for s in samples]


def check_kind(model: nn.Module, filename: str) -> None:
    """Refuse, with a ValueError, what is no panoptic model."""
    is_panoptic = isinstance(model, MaskFormer | TwoStagePanopticSegmentor)
    if not is_panoptic or not hasattr(model, 'panoptic_fusion_head'):
        raise ValueError(
            f'{filename} is the config of {type(model).__name__}, which is no panoptic model of '
            'mmdet: give one such as KMaXDeepLab or Mask2Former'
        )


def fuse(model: Any) -> Any:
    """Return a copy without the batch norms that can be folded: all of them for kMaX."""
    if isinstance(model, KMaXDeepLab):
        return model.fold()
    return fuse_conv_bn(copy.deepcopy(model).eval())


def _adapted(settings: Any, conditions: Conditions) -> Any:
    """Let a model take the input as it is, give panoptic maps only, and load nothing."""
    preprocessor = settings.setdefault('data_preprocessor', {})
    if 'pad_size' in preprocessor or preprocessor.get('type') == 'KMaXDataPreprocessor':
        preprocessor['pad_size'] = conditions.size
    for name, value in (('pad_size_divisor', 1), ('batch_augments', None)):
        if name in preprocessor:
            preprocessor[name] = value
    if isinstance(settings.get('test_cfg'), dict) and 'panoptic_head' in settings:
        settings['test_cfg'].update(ONLY_PANOPTIC)
    _forget_pretrained(settings)
    return settings


def _forget_pretrained(settings: Any) -> None:
    if isinstance(settings, dict):
        init = settings.get('init_cfg')
        if isinstance(init, dict) and init.get('type') == 'Pretrained':
            settings['init_cfg'] = None
        settings = list(settings.values())
    if isinstance(settings, list | tuple):
        for value in settings:
            _forget_pretrained(value)
