"""Roots and proofs are those of RFC 9162."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qntx.capsules import merkle
from qntx.capsules.merkle import Frontier, Node

# The leaves, roots and proofs that Certificate Transparency's reference tests publish.
LEAVES = [bytes.fromhex(leaf) for leaf in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
}
CONSISTENCY = {
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
SIZES = st.integers(1, 700)


def tree(leaves: list[bytes]) -> Callable[[Node], bytes]:
    """Every complete subtree by definition, from the leaves."""

    def fetch(node: Node) -> bytes:
        level, position = node
        if level == 0:
            return merkle.leaf(leaves[position])
        left, right = Node(level - 1, 2 * position), Node(level - 1, 2 * position + 1)
        return merkle.parent(fetch(left), fetch(right))

    return fetch


def frontier(leaves: list[bytes]) -> Frontier:
    grown = Frontier()
    for leaf in leaves:
        grown.append(merkle.leaf(leaf))
    return grown


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert frontier(LEAVES[:size]).root().hex() == ROOTS[size - 1]
    assert merkle.range_root(0, size, tree(LEAVES)).hex() == ROOTS[size - 1]


def test_the_empty_tree_is_the_hash_of_nothing() -> None:
    assert Frontier().root() == hashlib.sha256().digest()


@pytest.mark.parametrize(("index", "size"), INCLUSION)
def test_inclusion_proofs_are_the_published_ones(index: int, size: int) -> None:
    path = merkle.inclusion(index, size, tree(LEAVES))

    assert [step.hex() for step in path] == INCLUSION[index, size]


@pytest.mark.parametrize(("old", "size"), CONSISTENCY)
def test_consistency_proofs_are_the_published_ones(old: int, size: int) -> None:
    path = merkle.consistency(old, size, tree(LEAVES))

    assert [step.hex() for step in path] == CONSISTENCY[old, size]


@settings(deadline=None, max_examples=60)
@given(size=SIZES, at=st.floats(0, 0.999), forged=st.binary(min_size=32, max_size=32))
def test_an_inclusion_proof_holds_for_its_leaf_and_no_other(size: int, at: float, forged: bytes) -> None:
    leaves = [str(number).encode() for number in range(size)]
    index = int(at * size)
    root = frontier(leaves).root()
    path = merkle.inclusion(index, size, tree(leaves))

    assert merkle.check_inclusion(index, size, merkle.leaf(leaves[index]), path, root)
    assert not merkle.check_inclusion(index, size, forged, path, root)
    assert not merkle.check_inclusion(index, size, merkle.leaf(leaves[index]), [*path, forged], root)
    assert not merkle.check_inclusion(size, size, merkle.leaf(leaves[index]), path, root)


@settings(deadline=None, max_examples=60)
@given(size=SIZES, at=st.floats(0.001, 1), forged=st.binary(min_size=32, max_size=32))
def test_a_consistency_proof_holds_for_the_tree_that_was_and_no_other(size: int, at: float, forged: bytes) -> None:
    leaves = [str(number).encode() for number in range(size)]
    old = max(1, int(at * size))
    old_root, root = frontier(leaves[:old]).root(), frontier(leaves).root()
    path = merkle.consistency(old, size, tree(leaves))

    assert merkle.check_consistency(old, size, old_root, root, path)
    assert not merkle.check_consistency(old, size, forged, root, path)
    if old < size:
        assert not merkle.check_consistency(old, size, old_root, forged, path)


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 70_000))
def test_a_frontier_that_is_put_down_and_taken_up_goes_on_the_same(size: int) -> None:
    peaks = [bytes([bit]) * 32 for bit in range(size.bit_count())]

    one, two = Frontier(size, peaks), Frontier(size, peaks).copy()
    kept = [tree.append(merkle.leaf(b"next")) for tree in (one, two)]

    assert kept[0] == kept[1]
    assert one.root() == two.root()


def test_a_frontier_with_the_wrong_number_of_peaks_is_refused() -> None:
    with pytest.raises(ValueError, match="2 peaks"):
        Frontier(3, [b""])


def test_a_proof_about_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="no leaf 8"):
        merkle.inclusion(8, 8, tree(LEAVES))
    with pytest.raises(ValueError, match="does not extend"):
        merkle.consistency(9, 8, tree(LEAVES))


def test_an_edited_hash_is_another_leaf_and_no_crash() -> None:
    assert merkle.capsule_leaf("not hexadecimal") != merkle.capsule_leaf(base64.b16encode(b"x" * 32).decode())
