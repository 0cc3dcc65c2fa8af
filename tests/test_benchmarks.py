"""The benchmarks give right results in symtensor and NumPy, at tiny sizes; their tables say what they mean."""
from __future__ import annotations

import pytest

from benchmarks import cases, run, table, with_numpy, with_symtensor


@pytest.mark.parametrize("name", list(cases.CASES))
def test_symtensor_agrees_with_numpy(name):
    case = cases.CASES[name]
    given = cases.inputs(case, tiny=True)
    call, state = getattr(with_numpy, case.function)(cases.widened(given))
    expected = cases.results(case, call(), state())
    for module in (with_symtensor, with_numpy):
        call, state = getattr(module, case.function)(given)
        assert cases.error(cases.results(case, call(), state()), expected) <= case.tolerance
        call()  # a second call finds what the first one left


def test_wrong_results_are_seen():
    case = cases.CASES["red_sum"]
    assert cases.error(cases.results(case, 1.001, []), cases.results(case, 1.0, [])) > case.tolerance
    assert cases.error(cases.results(case, [1.0], []), cases.results(case, 1.0, [2.0])) == float("inf")
    assert cases.error(cases.results(case, float("nan"), []), cases.results(case, 1.0, [])) == float("inf")


def test_what_is_wrong_once_is_wrong():
    right = dict(case="a", best_s=1.0, median_s=1.0, ready_s=3.0, import_s=1.0)
    quicker = dict(right, best_s=0.5, ready_s=4.0)
    wrong = dict(case="a", failed="wrong")
    assert run.faster(right, quicker) == dict(right, best_s=0.5)
    assert run.faster(right, wrong) is wrong and run.faster(wrong, right) is wrong


def results(**libraries):
    rows = {name.replace("_", "-"): {"mlp": row} for name, row in libraries.items()}
    return dict(rows=rows, machine=dict(processor="P", cores=2, system="Linux", threads=1))


def row(seconds, **more):
    return dict(case="mlp", best_s=seconds, ready_s=10 * seconds, version="1.2", python="3.11", **more)


def test_failures_are_no_peers(tmp_path):
    found = results(symtensor=row(2e-3), numpy=row(4e-3), torch=dict(case="mlp", failed="wrong: error 1"),
                    jax=row(1e-3, failed="wrong"))
    assert table.ratios(found) == {"mlp": 0.5}
    assert table.main_table(found).splitlines()[-1] == "| mlp | 2.00 ms | 4.00 ms | numpy | 0.50 |"
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    table.write(found, document)
    text = document.read_text()
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text and "0.50" in text
    document.write_text("no markers")
    with pytest.raises(ValueError, match="lacks the lines"):
        table.write(found, document)


def test_durations():
    given = [2.0, 0.0123, 4.56e-6, 156e-9, 1.5e-9, 123e-6, None]
    assert [table.duration(t) for t in given] == ["2.00 s", "12.3 ms", "4.56 us", "156 ns", "1.50 ns", "123 us", "-"]
