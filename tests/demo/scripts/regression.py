from io import StringIO

import pandas
from scipy.stats import linregress

from qntx import attest, upstream

table = pandas.read_csv(StringIO(upstream["csv"]))
print(table.describe().round(2).to_string())

fit = linregress(table["x"], table["y"])
print(f"y = {fit.slope:.8f} x - {-fit.intercept:.8f}   r² {fit.rvalue**2:.8f}")
attest(
    subjects=["norris"],
    predicates=["regression:fitted"],
    contexts=["demo"],
    attributes={"slope": fit.slope, "intercept": fit.intercept, "rows": len(table)},
)
_result = {"slope": fit.slope, "intercept": fit.intercept}
