"""The agent and CARLA in containers: on one host, or the server on another.

Both files come from one description, so they differ in the server alone; `differences` finds out
from what docker makes of them whether that still holds after somebody has edited one.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from avvla.carla.server import IMAGE, LAUNCHER, options
from avvla.errors import UserError

CARLA_VERSION = "0.9.16"
SHARED, DISTRIBUTED = "compose.carla.yaml", "compose.carla.distributed.yaml"
ALLOWED = (
    "services.carla",
    "services.agent.depends_on",
    "services.agent.environment.AVVLA_CARLA_HOST",
)
"""Where the two may differ."""
STANDING_IN = {"CARLA_SIM_HOST": "carla.invalid", "AVVLA_VERSION": "0"}
"""For variables that docker asks for and a comparison does not need."""
PORT = 2000


def render(distributed: bool) -> str:
    """The text of a file."""
    agent = _agent()
    services: dict[str, Any] = {"agent": agent}
    if distributed:
        agent["environment"]["AVVLA_CARLA_HOST"] = (
            "${CARLA_SIM_HOST:?set CARLA_SIM_HOST to the machine that runs CARLA}"
        )
        where = "on another host. There: avvla carla serve-command"
    else:
        agent["environment"]["AVVLA_CARLA_HOST"] = "carla"
        agent["depends_on"] = {"carla": {"condition": "service_healthy"}}
        services["carla"] = _carla()
        where = "in a container beside it"
    head = (
        f"# The agent drives in CARLA, which runs {where}.\n"
        f"# Written by `avvla carla compose render{' --distributed' if distributed else ''}`;"
        " docs/carla.md tells how it is used.\n"
    )
    document = {"name": "avvla-carla", "services": services}
    return head + yaml.safe_dump(document, sort_keys=False, width=100)


def _agent() -> dict[str, Any]:
    return {
        "image": "${AVVLA_REGISTRY:-}avvla/carla-agent:"
        "${AVVLA_VERSION:?set AVVLA_VERSION to the tag of the images}",
        "command": [
            "agent", "run", "--world", "carla", "--policy", "${AVVLA_POLICY:-route_follower}",
            "--duration", "${AVVLA_DURATION:-60}",
        ],
        "environment": {
            "AVVLA_CARLA_PORT": f"${{CARLA_SIM_PORT:-{PORT}}}",
            "AVVLA_DEVICE": "${AVVLA_DEVICE:-cpu}",
        },
        "working_dir": "/run/avvla",
        "volumes": [
            {
                "type": "bind",
                "source": "../params.yaml",
                "target": "/run/avvla/params.yaml",
                "read_only": True,
            }
        ],
        "user": "${AVVLA_UID:-1000}:${AVVLA_GID:-1000}",
        "read_only": True,
        "tmpfs": ["/tmp"],
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }  # fmt: skip


def _carla() -> dict[str, Any]:
    port = f"${{CARLA_SIM_PORT:-{PORT}}}"
    *rest, _ = options(PORT, "Low", True)
    return {
        "image": f"{IMAGE}:{CARLA_VERSION}",
        "command": [f"./{LAUNCHER}", *rest, f"-carla-rpc-port={port}"],
        "shm_size": "8gb",
        "deploy": {
            "resources": {
                "reservations": {
                    "devices": [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
                }
            }
        },
        # Both ports, as the client needs both.
        "healthcheck": {
            "test": [
                "CMD", "bash", "-c",
                f"exec 3<>/dev/tcp/127.0.0.1/{port} && exec 4<>/dev/tcp/127.0.0.1/$$(({port} + 1))",
            ],
            "interval": "5s",
            "timeout": "5s",
            "retries": 60,
        },
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
    }  # fmt: skip


def resolved(file: Path) -> dict[str, Any]:
    """What `docker compose config` makes of a file.

    Raises:
        UserError: there is no file, no docker compose, or docker refuses the file.
    """
    if not file.is_file():
        raise UserError(f"{file} is missing: write it with `avvla carla compose render`")
    command = ["docker", "compose", "--file", str(file), "config", "--format", "json"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**STANDING_IN, **os.environ}
        )
    except FileNotFoundError:
        raise UserError("docker is not installed: its compose plugin reads the files") from None
    except subprocess.CalledProcessError as error:
        said = " ".join(error.stderr.split()) or f"code {error.returncode}"
        raise UserError(f"`docker compose config` refuses {file}: {said}") from None
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def differences(shared: Mapping[str, Any], distributed: Mapping[str, Any]) -> list[str]:
    """Where the two differ and may not, a line each, sorted."""
    ours, theirs = _flat(shared), _flat(distributed)
    return [
        f"{path}: {ours.get(path, 'absent')} | {theirs.get(path, 'absent')}"
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
        and not any(path == one or path.startswith(one + ".") for one in ALLOWED)
    ]


def _flat(node: Any, path: str = "") -> dict[str, str]:
    """The leaves by dotted path, as JSON."""
    if isinstance(node, Mapping) and node:
        parts = node.items()
    elif isinstance(node, list) and node:
        parts = enumerate(node)  # type: ignore[assignment]
    else:
        return {path: json.dumps(node, sort_keys=True)}
    return {
        leaf: value
        for key, part in parts
        for leaf, value in _flat(part, f"{path}.{key}" if path else str(key)).items()
    }
