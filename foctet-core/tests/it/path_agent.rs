use proptest::prelude::*;

use crate::path_agent_body;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_happens_one_path_carries_data_and_every_wish_can_be_granted(
        ops in proptest::collection::vec(any::<u8>(), 1..800),
    ) {
        path_agent_body::run(&ops);
    }
}
