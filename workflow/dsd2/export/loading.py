"""How a network's files are used: the last section of its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECTION = """\
## Use it

```sh
python classify.py photo.jpg folder/
```

prints for each image its class, with the probability, and the next ones. It needs numpy, Pillow and
onnxruntime alone (`pip install numpy pillow onnxruntime`; for HEIC photos also `pillow-heif`), and
refuses a damaged file. `python classify.py --expect-folders FOLDER` compares with the names of the
class folders in FOLDER, and prints the accuracy and the recall of each class.

Other programs have to read images as `classify.py` does, or the accuracy above does not hold:
`preprocessing.py` does it, and `preprocessing.json` says it as data. {reading}

The network takes images of type uint8 and shape [N, {shape}]: image, channel, row, column. Their
values are 0 to 255; it normalises them itself. In Python with onnxruntime:

```python
import json

import onnxruntime
from preprocessing import read_image

with open("preprocessing.json") as file:
    how = json.load(file)
session = onnxruntime.InferenceSession("network.onnx")
images = read_image("photo.jpg", how)[None]
label = session.run(None, {{"images": images}})[0].argmax(1)[0]
print(how["classes"][label])
```

{torch}

ONNX Runtime does not check files: `sha256sum --check SHA256SUMS` does.
"""

BY_STEPS = """\
With torch and safetensors, by `load_network.py`, which refuses a damaged file:

```python
import json

import torch
from load_network import load_network
from preprocessing import read_image

with open("preprocessing.json") as file:
    how = json.load(file)
network = load_network("network.safetensors")
images = torch.from_numpy(read_image("photo.jpg", how))[None]
label = network(images).argmax(1)[0]
print(network.classes[label])
```"""

BY_STATE = """\
`network.safetensors` holds the network's tensors alone, for a module of the same architecture.
`load_network.py` reads them, and refuses a damaged file:

```python
from load_network import load_state

state, about = load_state("network.safetensors")
model.load_state_dict(state)
# It wants normalised images: (images - about["mean"]) / about["std"], by channel.
```"""

SQUARE = "the largest part in the middle of the shape {size} is scaled to it (bicubic, antialiased)"
IMAGENET = (
    "the shorter side is scaled to {short} pixels (bilinear, antialiased), and the middle {size}"
    " pixels are cut out"
)
UNKNOWN = (
    " **How the training images were read is not known**: an earlier version of the workflow made"
    " the dataset. The rule for sizes is a guess from their shape."
)
UNRESIZED = (
    " The training images all had {size} pixels and were not resized. So how others are best"
    " resized is not known; `classify.py` says how many it resizes."
)


def using(reading: Mapping[str, Any], *, whole: bool = False) -> str:
    """The section, in Markdown.

    Args:
        reading: what ``preprocessing.json`` holds.
        whole: whether the small file holds the tensors of a module, and no steps.
    """
    channels, height, width = reading["input"]["shape"][1:]
    size = f"{width}×{height}"
    short = next((step["shorter side"] for step in reading["steps"] if "shorter side" in step), "")
    rule = (IMAGENET if reading["fit"] == "imagenet" else SQUARE).format(size=size, short=short)
    caveat = {None: UNKNOWN, False: UNRESIZED.format(size=size), True: ""}[reading["resized"]]
    colours = ", ".join(reading["channels"])
    text = (
        f"An image is turned as its EXIF orientation says, transparent parts become white, 16 bits"
        f" become 8, and the channels are {colours}. Then {rule}.{caveat}"
    )
    by_torch = BY_STATE if whole else BY_STEPS
    return SECTION.format(shape=f"{channels}, {height}, {width}", reading=text, torch=by_torch)
