//! Sets of enum members, one bit for each member.

/// Defines `$set` as a set of `$member`s, stored in a `$bits`.
macro_rules! set_of {
    ($(#[$doc:meta])* $vis:vis struct $set:ident($bits:ty) of $member:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize)]
        $vis struct $set($bits);

        #[allow(unreachable_pub, dead_code, reason = "some sets are private, and not each uses all functions")]
        impl $set {
            /// The empty set.
            pub const EMPTY: Self = Self(0);

            /// The set of these members.
            pub const fn of(members: &[$member]) -> Self {
                let (mut set, mut rest) = (Self::EMPTY, members);
                while let [first, tail @ ..] = rest {
                    set.insert(*first);
                    rest = tail;
                }
                set
            }

            /// The set as bits. The first member has the lowest bit.
            pub(crate) const fn to_bits(self) -> $bits {
                self.0
            }

            /// Restores a set from the value of `to_bits`.
            pub(crate) const fn from_bits(bits: $bits) -> Self {
                Self(bits)
            }

            /// Adds a member.
            pub const fn insert(&mut self, member: $member) {
                self.0 |= 1 << member as u32;
            }

            /// Whether the member is in the set.
            pub const fn contains(self, member: $member) -> bool {
                self.0 & 1 << member as u32 != 0
            }

            /// The members of either set.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The members of this set that the other does not have.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Whether the sets have a member in common.
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// Whether the set has no members.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The members, in the order of their definition.
            pub fn iter(self) -> impl Iterator<Item = $member> {
                $member::ALL.into_iter().filter(move |member| self.contains(*member))
            }
        }

        impl std::fmt::Debug for $set {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }
    };
}
pub(super) use set_of;
