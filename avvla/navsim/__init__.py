"""NAVSIM: our agent inside its devkit, the submission, and the devkit's scores read back.

The devkit runs on Python 3.9 with numpy 1.23, a checkpoint on Python 3.12 with torch 2.11. So there
are two processes: `agent` and `submission` run inside the devkit, `driver` outside, and `wire` is
between them. Those inside (`agent`, `submission`, `wire`) keep to Python 3.9, numpy and the
standard library, and import nothing else of avvla.
"""
