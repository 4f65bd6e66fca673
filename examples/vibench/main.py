"""python main.py --config_path configs/dlinear.yaml"""

from __future__ import annotations

import argparse
from pathlib import Path

from src.config_utils import load_config
from src.pipeline import pipeline

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--config_path", type=Path, required=True)
    pipeline(load_config(parser.parse_args().config_path))
