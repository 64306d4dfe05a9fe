from io import StringIO

from Bio import SeqIO
from Bio.SeqUtils import gc_fraction

from qntx import attest, upstream

for record in SeqIO.parse(StringIO(upstream["fasta"]), "fasta"):
    accession, gene = record.description.split()[:2]
    protein = str(record.seq.translate(to_stop=True))
    gc_percent = round(100 * gc_fraction(record.seq), 1)
    print(f"{gene:<5} {len(record):>4} bases  {gc_percent} % GC  {len(protein)} amino acids  {protein[:20]}…")
    attest(
        subjects=[gene],
        predicates=["sequence:translated"],
        contexts=["demo"],
        attributes={"accession": accession, "bases": len(record), "gc_percent": gc_percent, "protein": protein},
    )
