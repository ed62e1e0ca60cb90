//! The devices that were seen last.

use std::convert::Infallible;

use super::super::recent::Seen;
use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// Reports of devices at times.
    Report(Vec<(u8, u32)>),
    /// A page, behind some place, of the devices whose last octet divides by a number.
    Ask {
        count: usize,
        before: Option<(u32, u8)>,
        divisor: u8,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reports = prop::collection::vec((any::<u8>(), 1_u32..40), 1..30);
    let ask = (
        0_usize..6,
        prop::option::of((0_u32..41, any::<u8>())),
        prop::sample::select(vec![1_u8, 3, 251]),
    );
    prop::collection::vec(
        prop_oneof![
            3 => reports.prop_map(Step::Report),
            3 => ask.prop_map(|(count, before, divisor)| Step::Ask { count, before, divisor }),
        ],
        1..40,
    )
}

proptest! {
    /// With few devices that have room, so that some go and come again, and slots are used again.
    #[test]
    fn a_page_has_those_that_were_seen_last(steps in steps(), devices_max in prop::sample::select(vec![20, 1000])) {
        let mut folded = Folded::new(Bounds { devices_max, ..Bounds::FOR_TESTS });
        for step in steps {
            match step {
                Step::Report(reports) => {
                    folded.add(reports.into_iter().map(|(last, seconds)| report(last, seconds)).collect());
                }
                Step::Ask { count, before, divisor } => {
                    let before = before.map(|(seconds, last)| Seen { time: UnixTime::new(seconds), id: device_id(last) });
                    let wanted = |device: &Device| device.id.addr.octets()[5].is_multiple_of(divisor);
                    let found = folded.tracker.seen_last(count, before, wanted, || Ok::<_, Infallible>(()));
                    let Ok(found) = found;
                    let all = walk(&folded.tracker, Walk::over_all());
                    let mut all: Vec<Seen> = all.iter().filter(|device| wanted(device)).map(Seen::of).collect();
                    all.retain(|&seen| before.is_none_or(|before| seen < before));
                    all.sort_unstable_by(|one, other| other.cmp(one));
                    all.truncate(count);
                    prop_assert_eq!(found, all);
                }
            }
        }
    }
}
