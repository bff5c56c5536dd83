"""The loop that people write: PIL transforms in DataLoader workers, masks by torch.nn.utils.prune.

The same recipe and arithmetic as the workflow's; what differs is how it is done.
"""

import torch
import torch.nn.functional as F
from PIL import Image
from torch.nn.utils import prune
from torch.utils.data import DataLoader, Dataset
from workloads import DEVICE, Workload

from dsd2.compat import import_torchvision
from dsd2.nn.images import ImageSet

WORKERS = 10 if DEVICE.type == "cuda" else 2


class Pictures(Dataset):
    """Images as PIL has them, each transformed by itself, as torchvision's datasets do."""

    def __init__(self, data: ImageSet, transform) -> None:
        arrays = data.images.permute(0, 2, 3, 1).cpu().numpy()
        self.arrays = arrays[..., 0] if arrays.shape[-1] == 1 else arrays
        self.labels = data.labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int):
        return self.transform(Image.fromarray(self.arrays[index])), self.labels[index]


class Textbook:
    """A network, half pruned, with its loaders and optimiser."""

    def __init__(self, workload: Workload, train: ImageSet, test: ImageSet) -> None:
        transforms = import_torchvision("torchvision.transforms")
        mean, std = (list((v / 255).flatten().tolist()) for v in (train.mean, train.std))
        plain = [transforms.ToTensor(), transforms.Normalize(mean, std)]
        random = []
        if workload.augmentation == "flip-shift":
            side = workload.image[1:]
            random = [transforms.RandomHorizontalFlip(), transforms.RandomCrop(side, padding=4)]
        options = {"batch_size": workload.batch, "num_workers": WORKERS}
        self.train_loader = DataLoader(
            Pictures(train, transforms.Compose([*random, *plain])), shuffle=True, **options
        )
        self.test_loader = DataLoader(Pictures(test, transforms.Compose(plain)), **options)
        self.model = workload.network()
        layers = [
            m for m in self.model.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)
        ]
        prune.global_unstructured(
            [(layer, "weight") for layer in layers], prune.L1Unstructured, amount=0.5
        )
        self.optimiser = torch.optim.SGD(
            self.model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4
        )

    def epoch(self) -> None:
        """Train on all images, then test on all test images."""
        self.model.train()
        loss_sum = correct = 0
        for images, labels in self.train_loader:
            inputs, targets = images.to(DEVICE), labels.to(DEVICE)
            logits = self.model(inputs)
            loss = F.cross_entropy(logits, targets)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            loss_sum += loss.item()
            correct += (logits.argmax(1) == targets).sum().item()
        self.model.eval()
        with torch.no_grad():
            for images, labels in self.test_loader:
                logits = self.model(images.to(DEVICE))
                correct += (logits.argmax(1) == labels.to(DEVICE)).sum().item()
