"""The table of scripts/gpu/run: what each export's report measured, and the real audiocraft beside it."""
import json
from pathlib import Path

HEAD = ("export", "verdict", "card", "ms a step", "audiocraft's", "peak MB", "audiocraft's")


def of_report(name: str, path: Path) -> dict:
    """One export's row; without a report that can be read, the verdict says so."""
    if not path.is_file():
        return {"export": name, "verdict": "not run"}
    try:
        report = json.loads(path.read_text())
        row = {"export": name, "verdict": report["verdict"]}
        for run in report["generation"]:
            row.setdefault(run["device"], {**run["metrics"].get("runs", {}), "run": run["run"]})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return {"export": name, "verdict": "no report", "problem": f"{path}: {type(error).__name__}: {error}"}
    return row


def of_audiocraft(text: str, status: int) -> dict:
    """What scripts/benchmarks/production.py printed on its last line, or why there is nothing."""
    lines = text.strip().splitlines() or [""]
    try:
        figures = json.loads(lines[-1])
        return figures if status == 0 and isinstance(figures, dict) else {"problem": f"exit status {status}: {lines[-1]}"}
    except ValueError:
        return {"problem": f"exit status {status}: {lines[-1]}"}


def table(rows: list) -> str:
    def cell(figures: dict, key: str, scale: float, form: str) -> str:
        return format(figures[key] * scale, form) if figures.get(key) else "-"

    lines = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    for row in rows:
        pair = (row.get("cuda", {}), row.get("audiocraft", {}))
        cells = [row["export"], row["verdict"], pair[0].get("device", "-")]
        cells += [cell(figures, "step_s", 1e3, ".2f") for figures in pair]
        cells += [cell(figures, "memory_peak_bytes", 1e-6, ".0f") for figures in pair]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
