from hypothesis import strategies as st

from lab.store.codec import LARGEST

# What a record may hold: any 64-bit number, and no float that JSON has no word for
st.register_type_strategy(int, st.integers(-LARGEST, LARGEST))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
