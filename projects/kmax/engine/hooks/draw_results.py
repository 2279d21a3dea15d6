"""Draws every image of a test to a file of its own."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mmcv
from mmdet.engine.hooks import DetVisualizationHook
from mmengine.fileio import get
from mmengine.registry import HOOKS

from kmax_deeplab.paths import distinct_names, place_within, refuse_replacing


@HOOKS.register_module()
class KMaXVisualizationHook(DetVisualizationHook):
    """mmdet's hook, but pictures of images of one name in several folders keep these folders.

    Takes the arguments of :class:`mmdet.engine.hooks.DetVisualizationHook`.
    """

    _file_of: dict[str, Path]

    def _limits(self) -> dict[str, Any]:
        """Return what the visualizer takes beside the picture: which segments are drawn."""
        return dict(pred_score_thr=self.score_thr)

    def before_test(self, runner: Any) -> None:
        """Name the picture of each image; a ValueError refuses to draw over one."""
        self._file_of = {}
        if not self.draw or self.test_out_dir is None:
            return
        folder = Path(runner.work_dir, runner.timestamp, self.test_out_dir)
        dataset = runner.test_loop.dataloader.dataset
        infos = (dataset.get_data_info(index) for index in range(len(dataset)))
        paths = list(dict.fromkeys(info['img_path'] for info in infos))
        files = [place_within(folder, name, 'the data set') for name in distinct_names(paths)]
        refuse_replacing(files, paths)
        self._file_of = dict(zip(paths, files, strict=True))

    def after_test_iter(
        self, runner: Any, batch_idx: int, data_batch: dict, outputs: Sequence[Any]
    ) -> None:
        """Draw the images of a batch."""
        for sample in outputs if self.draw else ():
            self._test_index += 1
            path = sample.img_path
            file = self._file_of.get(path)
            self._visualizer.add_datasample(
                Path(path).name if self.show else 'test_img',
                mmcv.imfrombytes(get(path, backend_args=self.backend_args), channel_order='rgb'),
                data_sample=sample,
                show=self.show,
                wait_time=self.wait_time,
                **self._limits(),
                out_file=None if file is None else str(file),
                step=self._test_index,
            )


@HOOKS.register_module()
class KMaXSegVisualizationHook(KMaXVisualizationHook):
    """The same for mmseg's visualizer, whose own hook knows no folder of pictures.

    That draws every fiftieth image, those of one name to one file.
    """

    def _limits(self) -> dict[str, Any]:
        return {}

    def after_val_iter(
        self, runner: Any, batch_idx: int, data_batch: dict, outputs: Sequence[Any]
    ) -> None:
        """Draw the first image of every ``interval``-th batch."""
        step = runner.iter + batch_idx
        if self.draw and step % self.interval == 0:
            path = outputs[0].img_path
            self._visualizer.add_datasample(
                Path(path).name if self.show else 'val_img',
                mmcv.imfrombytes(get(path, backend_args=self.backend_args), channel_order='rgb'),
                data_sample=outputs[0],
                show=self.show,
                wait_time=self.wait_time,
                step=step,
            )
