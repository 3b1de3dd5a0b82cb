"""A policy of one weight, and a workload whose losses can be reckoned by hand."""

from types import SimpleNamespace

import numpy as np
import torch
from safetensors.torch import save_model
from torch import nn

from avvla.policy.checkpoint import Checkpoint
from avvla.training.origin import Origin


class Flow(nn.Module):
    """As much of SmolVLA's network as the loop touches: the noise."""

    def sample_noise(self, shape, device):
        return torch.randn(shape, device=device)

    def sample_time(self, count, device):
        return torch.rand(count, device=device)


class Line(nn.Module):
    """A policy of one weight, whose loss is its distance from a sample's target."""

    config = SimpleNamespace(chunk_size=2, max_action_dim=1)

    def __init__(self):
        super().__init__()
        self.model = Flow()
        self.at = nn.Parameter(torch.zeros(1))

    def get_optim_params(self):
        return self.parameters()

    def save_pretrained(self, folder, state_dict):
        folder.mkdir()
        save_model(self, folder / "model.safetensors")


class Unchanged:
    """A processor that does nothing."""

    def __call__(self, batch):
        return dict(batch)

    def save_pretrained(self, folder):
        pass


class Targets:
    """A workload whose loss is |target - weight|, of episodes of three samples."""

    def __init__(self, targets, device, weight=None):
        self.checkpoint = Checkpoint(Line(), Unchanged(), Unchanged())
        self._targets = torch.tensor(targets, dtype=torch.float32)
        count = len(targets)
        episode = np.arange(count) // 3
        self.origin = Origin.of(episode, {i: f"clip_{i}" for i in range(count)})
        self.weight = np.ones(count, np.int64) if weight is None else np.array(weight)
        self.seen = []

    def batch(self, chosen, part, draws):
        self.seen.append([chosen[k] for k in part])
        jitter = torch.rand(len(chosen), generator=draws) * 0
        action = (self._targets[chosen] + jitter)[part]
        return {"action": action, "weight": torch.from_numpy(self.weight[chosen][part])}

    def loss(self, batch, noise, time):
        weight = batch["weight"]
        apart = (batch["action"] - self.checkpoint.policy.at).abs()
        loss = (apart * weight).sum() / weight.sum()
        return loss, {"loss_flow": loss.item()}

    def validate(self):
        return {"validation_loss": float(self.checkpoint.policy.at.detach().abs())}
