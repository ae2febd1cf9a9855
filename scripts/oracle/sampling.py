"""The first steps of a sampled run: the logits, and what each filter leaves of their probabilities."""
STEPS = 6
TEMPERATURE, TOP_K, TOP_P = 0.9, 50, 0.7


def sampled_steps(model, text: str, seed: int):
    """(arrays, facts). Everything is read off the real functions while they run.

    sampling.codes  [K, S]        the sequence that was fed, the special token included
    sampling.logits [S, K, card]  guided, before the temperature
    sampling.probs  [S, K, card]  after top_k, normalised
    sampling.top_p  [S, K, card]  after top_p instead, normalised
    """
    import torch
    from audiocraft.utils import utils
    from goldens import CFG_COEF, replaced
    fed, logits, by_top_k, by_top_p = [], [], [], []

    def forward(real, sequence, *args, **kwargs):
        out = real(sequence, *args, **kwargs)
        fed.append(sequence[0, :, -1])
        conditional, null = out.split(1)
        logits.append((null + (conditional - null) * CFG_COEF)[0, :, -1])
        return out

    def top_k(real, probs, k):
        assert torch.equal(probs[0], torch.softmax(logits[-1] / TEMPERATURE, dim=-1)), "these are not the logits"
        whole = probs.clone()
        token = real(probs, k)  # filters in place
        by_top_k.append(probs[0])
        kept = []
        random_state = torch.get_rng_state()
        with replaced(utils, "multinomial", lambda real, p, **kwargs: kept.append(p.clone()) or real(p, **kwargs)):
            utils.sample_top_p(whole.clone(), TOP_P)
        torch.set_rng_state(random_state)
        order = torch.sort(whole, dim=-1, descending=True).indices
        by_top_p.append(torch.zeros_like(whole).scatter(-1, order, kept[0])[0])
        return token

    frames = STEPS + 2
    model.set_generation_params(duration=frames / model.frame_rate, use_sampling=True, top_k=TOP_K,
                                temperature=TEMPERATURE, cfg_coef=CFG_COEF)
    torch.manual_seed(seed)
    with replaced(model.lm, "forward", forward), replaced(utils, "sample_top_k", top_k):
        model.generate([text])
    arrays = {"sampling.codes": torch.stack(fed[:STEPS], dim=1).int(), "sampling.logits": torch.stack(logits[:STEPS]),
              "sampling.probs": torch.stack(by_top_k[:STEPS]), "sampling.top_p": torch.stack(by_top_p[:STEPS])}
    return arrays, {"prompt": text, "temperature": TEMPERATURE, "top_k": TOP_K, "top_p": TOP_P, "cfg_coef": CFG_COEF,
                    "seed": seed}
