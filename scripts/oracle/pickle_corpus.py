"""Real pickles for pickle_differential.py --corpus: what torch, numpy and omegaconf write, in every protocol.

usage: pickle_corpus.py OUT        with the reference's Python (README.md); one pickle a line, in hexadecimal
"""
import io
import pickle
import sys
from collections import OrderedDict
from pathlib import Path

import load_cases


def main() -> int:
    import numpy
    import omegaconf
    import torch
    found = [load_cases.data_pickle(raw) for name, raw in load_cases.bases(torch).items() if not name.startswith("legacy")]
    config = omegaconf.OmegaConf.create({"rate": 32000, "nested": {"list": [1, 2.5, None, "a"]}, "ref": "${rate}"})
    structured = torch.nn.Parameter(torch.ones(2, 3))
    structured.note = "an attribute"
    values = [config, config.nested.list, numpy.float64(1.5), numpy.arange(6).reshape(2, 3), numpy.array(["a", None], dtype=object), numpy.array([b"ab"]),
              numpy.dtype([("x", "f4"), ("y", "i8")]), numpy.bool_(True), numpy.datetime64("2023-01-02"), torch.float16, torch.Size([1, 2]), torch.device("cpu"),
              torch.strided, torch.Generator]
    for value in values:
        found += [pickle.dumps(value, protocol) for protocol in range(6)]
    tensors = [OrderedDict(a=torch.ones(2, 3), b=torch.zeros(4, dtype=torch.bfloat16), c=torch.tensor(3)), structured, torch.ones(3, 4).t(), torch.ones(2, dtype=torch.complex64),
               torch.sparse_coo_tensor([[0]], [1.0], [3]), [torch.ones(2)] * 2]
    for value in tensors:
        for protocol in range(1, 6):
            buffer = io.BytesIO()
            torch.save(value, buffer, pickle_protocol=protocol)
            found.append(load_cases.data_pickle(buffer.getvalue()))
    Path(sys.argv[1]).write_text("".join(data.hex() + "\n" for data in found))
    print(f"{len(found)} pickles")
    return 0


if __name__ == "__main__":
    sys.exit(main())
