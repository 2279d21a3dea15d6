"""COCO's panoptic format, once: whoever reads or writes it calls this folder.

``files`` reads and writes the JSON and the PNGs, with ``json_files`` and
``kmax_deeplab.local_files``, which refuse what is no file to read; ``segments`` the
``segments_info`` of an image.
``records``, with ``field_types`` and ``categories``, finds what is wrong in a JSON.
``comparison`` compares a PNG with its record; areas, boxes and overlaps of a map are in
``kmax_deeplab.id_runs``.
``survey`` counts classes and finds what is worth knowing; ``leaks``, images in both splits.
``faults``: a ``find_…`` yields ``Fault``; who stops at the first one writes ``refuse(find_…(…))``.
"""
