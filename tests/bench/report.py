"""The report: markdown for a README, and the same numbers as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tests.bench.plan import Goal, Section


def render_markdown(sections: Sequence[Section], conditions: Sequence[str]) -> str:
    """All tables, the goals as the last one, and the conditions below."""
    parts = [_render_section(section) for section in sections]
    goals = [goal for section in sections for goal in section.goals]
    if goals:
        rows = tuple((goal.name, goal.wanted, goal.measured, _judge(goal)) for goal in goals)
        parts.append("### Goals\n\n" + _render_table(("goal", "wanted", "measured", ""), rows))
    parts.append("\n".join(f"- {line}" for line in conditions))
    return "\n\n".join(parts) + "\n"


def build_json(sections: Sequence[Section], conditions: Sequence[str]) -> dict[str, Any]:
    """The same as values: every measurement, not only the medians."""
    return {
        "conditions": list(conditions),
        "sections": [
            {"title": section.title, "goals": [asdict(goal) for goal in section.goals], **section.data}
            for section in sections
        ],
    }


def _render_section(section: Section) -> str:
    text = f"### {section.title}\n\n{_render_table(section.columns, section.rows)}"
    notes = "\n".join(f"- {note}" for note in section.notes)
    return f"{text}\n\n{notes}" if notes else text


def _render_table(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> str:
    lines = [columns, tuple("---" if place == 0 else "---:" for place in range(len(columns))), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _judge(goal: Goal) -> str:
    return "pass" if goal.reached else "**miss**"
