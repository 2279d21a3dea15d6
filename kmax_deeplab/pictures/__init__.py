"""Drawing of results: numpy, OpenCV and Pillow only."""
