"""Files of tests that take longest, for a start with them.

The workers of `make test` take whole files. One that comes last and takes long would keep one of
them at work while the others wait; by itself pytest-xdist lets those come last that have few tests.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

# of those that take more than about ten seconds of a processor; one that is gone does no harm
NAMES = """
test_align_sections_fine test_align_stack test_align_stack_killed test_both_stores test_bombs
test_cluster test_connections test_crashes test_decoded_bytes test_demo test_durability
test_endless_pictures test_every_module test_export_volume test_field_fuzz test_fuzz
test_generate_point_matches test_resumed_matching test_stage_lessons test_chance
test_hierarchical_page test_imports_on_real_tiles test_job_record test_jobs_page
test_killed_runs test_killed_workers test_limits test_many_clients test_match_pages test_notebooks
test_other_packages test_parallel test_phase_contrast test_protected_pages test_racing_runs
test_serve test_special_demos test_stack_modules_on_real_tiles test_stack_rules_on_real_tiles
test_tem_2x2 test_transfers_on_real_tiles test_trials test_under_attack test_user_guide
test_view test_viewer test_volume_runs
"""
LONG = frozenset(NAMES.split())


def first_the_long(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Tests of long files first, else in the order that they have."""
    return sorted(items, key=lambda item: item.path.stem not in LONG)
