"""The figures of the docs: what a model computes on one image, drawn. ``docs/figures.py`` runs it.

``study.py`` looks into the model, ``canvas.py`` holds what the figures have in common, and each of
the others draws one or two. A centre, which is a query, has one colour in all figures of an image;
void is hatched.
"""
