import numpy as np

import photonzero as pz

chip = pz.fabricate("tonn-tiny", noise="published", seed=0)
setting = chip.initial_controls(np.random.default_rng(1))
print(chip)
print(chip.measure(setting, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]))
