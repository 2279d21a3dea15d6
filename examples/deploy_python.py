"""Segments of a photo by an exported file: ``python deploy_python.py model.onnx in.jpg out.png``.

Needs onnxruntime, OpenCV, Pillow and numpy. ``kmax_deeplab.runtime`` does the same, to the pixel.
"""

import json
import sys

import cv2
import numpy as np
import onnxruntime
from PIL import Image, ImageOps

model, photo, drawing = sys.argv[1:]
session = onnxruntime.InferenceSession(model)
about = json.loads(session.get_modelmeta().custom_metadata_map['kmax'])
image = np.array(ImageOps.exif_transpose(Image.open(photo)).convert('RGB'))
height, width = image.shape[:2]
rule, (rows, columns) = about['resize']['rule'], about['resize'].get('size', about['size'])
scale = 1 if rule == 'none' else min(rows / height, columns / width)
h, w = max(round(height * scale), 1), max(round(width * scale), 1)
if rule == 'aligned':  # The centres of the corner pixels stay where they are; nothing is rounded.
    step = np.diag([(width - 1) / max(w - 1, 1), (height - 1) / max(h - 1, 1)])
    how = dict(flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
    levels = cv2.warpAffine(image.astype(np.float32), np.c_[step, [0, 0]], (w, h), **how)
else:
    levels = np.array(Image.fromarray(image).resize((w, h), Image.Resampling.BILINEAR))
padded = np.zeros((1, *about['size'], 3), np.float32)
padded[0, :h, :w] = levels
rounded = np.rint(padded)
inputs = dict(image=rounded.astype(np.uint8), content=np.array([h, w]))
inputs |= dict(residual=padded - rounded) if rule == 'aligned' else {}
panoptic, ids, labels, scores, areas = session.run(None, inputs)
panoptic = cv2.resize(panoptic[:h, :w], (width, height), interpolation=cv2.INTER_NEAREST)
for value, label, score in zip(ids[ids >= 0], labels[ids >= 0], scores[ids >= 0], strict=True):
    print(f'{about["classes"][label]["name"]:20} {score:.2f} {(panoptic == value).mean():7.2%}')
colors = np.array([entry['color'] for entry in about['classes']])
known = panoptic % 1000 < len(colors)  # Label + 1000 * instance; void has the last label.
image[known] = (image[known] * 2.0 + 3 * colors[panoptic[known] % 1000]) // 5
Image.fromarray(image).save(drawing)
