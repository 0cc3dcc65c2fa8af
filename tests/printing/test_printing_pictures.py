"""Pictures of graphs: the description always, the drawing where pydot is installed."""
from __future__ import annotations

import pytest

import symtensor.printing
import symtensor.tensor as T
from symtensor.control.ifelse import ifelse
from symtensor.graph.fg import FunctionGraph
from symtensor.printing import default_colorCodes, pictures, pydotprint
from symtensor.printing.pictures import dot_text


@pytest.fixture
def graph():
    x, y = T.dscalar("x"), T.dscalar("y")
    return x, y, T.exp(x * y) + 2


def test_description(graph):
    text = dot_text(graph[2])
    assert text.startswith("digraph") and text.endswith("}\n")
    # Three ellipses; boxes for two inputs, one constant and the output; an edge for each use and for the output.
    assert text.count("shape=ellipse") == 3 and text.count("shape=box") == 4 and text.count("->") == 6
    assert 'label="name=x TensorType(float64, scalar)", shape=box, style=filled, fillcolor="limegreen"' in text
    assert 'fillcolor="#FFAABB"' in text and 'fillcolor="blue"' in text
    assert dot_text(graph[2]) == text


def test_options(graph):
    x, y, z = graph
    assert dot_text(z, compact=False).count("shape=box") == 6
    assert 'label="x"' in dot_text(z, var_with_name_simple=True)
    assert 'color="#FFAABB"' in dot_text(z, high_contrast=False).replace("fillcolor", "")
    assert "id=2" in dot_text(z, with_ids=True)
    assert 'label="Elemw..."' in dot_text(z, max_label_size=8)
    assert 'fillcolor="pink"' in dot_text(z, colors={"Elemwise": "pink"})
    assert dot_text(FunctionGraph([x, y], [z])).count("shape=ellipse") == 3
    assert dot_text([z, x]).count('fillcolor="blue"') == 1
    with pytest.raises(TypeError, match="pydotprint draws functions and variables"):
        dot_text([3])
    assert default_colorCodes["IfElse"] == "magenta"


def test_branches(graph):
    x, y, z = graph
    choice = ifelse(T.lt(x, y), T.sin(z), T.cos(z))
    text = dot_text(choice, cond_highlight=0)
    assert text.count("subgraph cluster_") == 3 and 'label="both"' in text
    with pytest.raises(ValueError, match="1 IfElse"):
        dot_text(choice, cond_highlight=1)


def test_files(graph, tmp_path, monkeypatch, capsys):
    path = tmp_path / "graph.dot"
    pydotprint(graph[2], outfile=str(path), format="dot")
    assert path.read_text() == dot_text(graph[2])
    assert f"The output file is available at {path}" in capsys.readouterr().out
    assert pydotprint(graph[2], format="raw", return_image=True) == dot_text(graph[2]).encode()
    monkeypatch.chdir(tmp_path)
    pydotprint(graph[2], format="dot", print_output_file=False)
    assert (tmp_path / "symtensor.pydotprint.graph.dot").exists() and not capsys.readouterr().out


def test_without_pydot(graph, monkeypatch, tmp_path):
    monkeypatch.setattr(pictures, "optional_import", lambda name: None)
    with pytest.raises(RuntimeError, match="Failed to import pydot. You must install graphviz"):
        pydotprint(graph[2], outfile=str(tmp_path / "x.png"))
    assert not (tmp_path / "x.png").exists()
    assert isinstance(symtensor.printing.pydot_imported, bool)
    with pytest.raises(AttributeError):
        symtensor.printing.no_such_name


def test_with_pydot(graph, monkeypatch, tmp_path):
    class Drawn:
        def create(self, format):
            return b"image of " + format.encode()

    class Pydot:
        @staticmethod
        def graph_from_dot_data(text):
            assert text == dot_text(graph[2])
            return [Drawn()]

    monkeypatch.setattr(pictures, "optional_import", lambda name: Pydot)
    pydotprint(graph[2], outfile=str(tmp_path / "x.svg"), format="svg")
    assert (tmp_path / "x.svg").read_bytes() == b"image of svg"
