"""Answer images with their segments over HTTP: ``python serve.py model.onnx``.

Needs ``kmax-deeplab[deploy]``, and neither torch nor OpenMMLab. ``POST /`` takes the bytes of an
image file, ``GET /`` tells the classes. Put it behind a server that has a password and encryption.
"""

import argparse
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image, UnidentifiedImageError

from kmax_deeplab.runtime import PanopticModel

Image.MAX_IMAGE_PIXELS = None  # Their number is compared below, before an image is decoded.


class Service(BaseHTTPRequestHandler):
    """Takes one request; errors are answered in one line of JSON."""

    timeout = 30  # Seconds that a client may be silent.

    def do_GET(self):
        self.answer(200, classes=self.server.model.classes.categories())

    def do_POST(self):
        length = self.headers.get('Content-Length', '')
        if not length.isdecimal():
            return self.answer(411, error='the request does not say how long the image is')
        if int(length[:12]) > self.server.most_bytes:
            return self.answer(413, error=f'images have at most {self.server.most_bytes} bytes')
        content = self.rfile.read(int(length))
        try:
            width, height = Image.open(io.BytesIO(content), formats=('JPEG', 'PNG', 'WEBP')).size
            if width * height > self.server.most_pixels:
                raise ValueError(f'images have at most {self.server.most_pixels} pixels')
            with self.server.turn:  # The engine's threads have all cores already.
                result = self.server.model(content)
        except UnidentifiedImageError:
            return self.answer(400, error='this is no image of JPEG, PNG or WebP')
        except (OSError, ValueError, SyntaxError) as error:
            return self.answer(400, error=' '.join(str(error).split()))
        found = [dict(s, segmentation=result.rle(s['id'])) for s in result.segments_info]
        height, width = result.id_map.shape  # Turned upright, as the file says.
        self.answer(200, width=width, height=height, segments_info=found)

    def answer(self, status, **content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('model', help='what kmax-deeplab export wrote')
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=8000)
    parser.add_argument('--max-megabytes', type=int, default=20)
    parser.add_argument('--max-megapixels', type=int, default=50)
    words = parser.parse_args()
    server = ThreadingHTTPServer((words.host, words.port), Service)
    server.model, server.turn = PanopticModel(words.model), threading.Lock()
    server.most_bytes = words.max_megabytes * 10**6
    server.most_pixels = words.max_megapixels * 10**6
    print(f'http://{words.host}:{server.server_port}', flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
