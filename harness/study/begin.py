"""Begins a study: makes its database and its row there, or goes on with the study that is there.

A study that was begun cannot be changed: with another YAML, or on another run, its answers would be answers
to other questions.
"""

import json
import secrets
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from harness import results
from harness.store import digest
from harness.study.config import StudyConfig
from harness.study.database import connect, shown, writing
from harness.study.models import StudyRow
from harness.study.tokens import Signer
from harness.types import BadInput

_MAY_CHANGE = {"replicas", "participants", "invites", "hold_minutes"}
"""Keys that say how the study is run, not what it asks."""


def begin(run_dir: Path, run: str, study: StudyConfig, url: str) -> Signer:
    """Make the database ready and return the study's signer; RUN_DIR/study/study.json says what was decided.

    Raises BadInput where the database cannot be used, or holds another study.
    """
    try:
        engine = connect(url)
        migrate(engine)
        signer = _study_row(engine, run, study, url)
    except SQLAlchemyError as error:
        raise BadInput(f"{shown(url)}: the database cannot be used ({error.__class__.__name__})") from error
    engine.dispose()
    results.write_json(
        run_dir / "study" / "study.json",
        {"database": shown(url), "config_hash": config_hash(study), "config": study.model_dump(mode="json")},
    )
    return signer


def migrate(engine: Engine) -> None:
    """Bring a database's tables to the newest version; one process at a time."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with writing(engine, exclusive=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def config_hash(study: StudyConfig) -> str:
    """Return a digest of everything that a study's answers depend on."""
    return digest(study.model_dump(mode="json", exclude=_MAY_CHANGE))


def _study_row(engine: Engine, run: str, study: StudyConfig, url: str) -> Signer:
    with writing(engine, exclusive=True) as connection:
        there = connection.execute(select(StudyRow.__table__)).mappings().one_or_none()
        if there is None:
            secret = secrets.token_urlsafe(36)
            connection.execute(
                insert(StudyRow).values(
                    id=1,
                    name=study.name,
                    run=run,
                    config=json.dumps(study.model_dump(mode="json")),
                    config_hash=config_hash(study),
                    secret=secret,
                    created=time.time(),
                )
            )
            return Signer(secret)
    if (there["config_hash"], there["run"]) != (config_hash(study), run):
        raise BadInput(
            f"{shown(url)}: holds study {there['name']!r} of run {there['run']!r}, begun with another "
            "study file: its answers answer other questions. Give another --database, or that file"
        )
    return Signer(str(there["secret"]))
