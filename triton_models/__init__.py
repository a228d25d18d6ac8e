"""
Voices, and how a release of one is built for Triton.

A family is a folder here: `config.pbtxt` is its ensemble, each folder inside it is a stage (`config.pbtxt`, `model.py`
and whatever the stage needs). `build.py` turns a family, a version and parameters into a release in a Triton
repository; read it first. Only stages import torch, onnxruntime or numpy, and only Triton runs stages.
"""
