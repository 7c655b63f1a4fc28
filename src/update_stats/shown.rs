// SPDX-License-Identifier: GPL-2.0-or-later
//! What is shown of an interface that is on.
//!
//! A field that nobody has written shows what the device has counted. One that was written shows
//! that value and grows from there, as a bond grows by what its ports count: each reading of the
//! device adds what is new since the reading before. A device's counter that falls has restarted
//! from zero (some drivers read 0 while they are down), so all that it has counted is new.
//!
//! Readings overlap. One that began earlier can end later, with less than is [`Known`] by then,
//! and that is no fall. So each reading says what was known before it began: the device has
//! counted that much, or it has restarted. And one that a write or the finding of a restart has
//! overtaken adds nothing: it may be of before or after. The next one adds what it missed.

use super::field::FIELDS;

/// What readings have found the device to have counted.
///
/// Zeroed memory is valid: nothing is known.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Known<const N: usize = FIELDS> {
    own: [u64; N],
    /// Changes with each write, and with each reading that finds that a counter has fallen.
    epoch: u32,
}

/// What is shown. Its user has one caller at a time; N is at most 32.
///
/// Zeroed memory is valid: no field was written.
#[derive(Debug)]
#[repr(C)]
pub struct Shown<const N: usize = FIELDS> {
    known: Known<N>,
    values: [u64; N],
    /// Bit i: field i was written. `known` and `values` mean something for these only.
    written: u32,
}

impl<const N: usize> Default for Shown<N> {
    fn default() -> Self {
        Self {
            known: Known {
                own: [0; N],
                epoch: 0,
            },
            values: [0; N],
            written: 0,
        }
    }
}

impl<const N: usize> Shown<N> {
    /// What is known now. A reading of the device takes this before it begins.
    pub fn known(&self) -> Known<N> {
        self.known
    }

    /// Takes a reading that began when `before` was known. What the device had counted becomes
    /// what is shown.
    pub fn read(&mut self, before: &Known<N>, reading: &mut [u64; N]) {
        let is_news = before.epoch == self.known.epoch;
        let written = self.written;
        let fields = reading
            .iter_mut()
            .zip(&before.own)
            .zip(&mut self.known.own)
            .zip(&mut self.values);
        let mut restarted = false;
        for (field, (((shown, before), known), value)) in (0..).zip(fields) {
            if written.wrapping_shr(field) & 1 == 0 {
                continue;
            }
            let own = *shown;
            if is_news && own < *before {
                restarted = true;
                *known = own;
                *value = value.wrapping_add(own);
            } else if is_news && own > *known {
                *value = value.wrapping_add(own.wrapping_sub(*known));
                *known = own;
            }
            *shown = *value;
        }
        if restarted {
            self.known.epoch = self.known.epoch.wrapping_add(1);
        }
    }

    /// Takes a reading like [`Self::read`], and then shows the new values of `update`.
    pub fn write(
        &mut self,
        before: &Known<N>,
        reading: &mut [u64; N],
        update: impl Iterator<Item = Option<u64>>,
    ) {
        let own = *reading;
        self.read(before, reading);
        self.known.epoch = self.known.epoch.wrapping_add(1);
        let fields = own
            .iter()
            .zip(reading)
            .zip(&mut self.known.own)
            .zip(&mut self.values)
            .zip(update);
        for (field, ((((own, shown), known), value), new)) in (0..).zip(fields) {
            let Some(new) = new else { continue };
            let bit = 1_u32.wrapping_shl(field);
            if self.written & bit == 0 {
                self.written |= bit;
                *known = *own;
            }
            *value = new;
            *shown = new;
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;

    /// A device, and what is shown of it.
    #[derive(Default)]
    struct Device {
        shown: Shown<3>,
        own: [u64; 3],
    }

    impl Device {
        fn read(&mut self) -> [u64; 3] {
            let mut reading = self.own;
            self.shown.read(&self.shown.known(), &mut reading);
            reading
        }

        fn write(&mut self, update: [Option<u64>; 3]) -> [u64; 3] {
            let mut reading = self.own;
            self.shown
                .write(&self.shown.known(), &mut reading, update.into_iter());
            reading
        }
    }

    #[test]
    fn a_field_that_nobody_wrote_shows_the_device() {
        let mut device = Device {
            own: [1000, 7, 0],
            ..Device::default()
        };
        assert_eq!(device.read(), [1000, 7, 0]);
        device.write([None, Some(50), None]);
        device.own = [3, 8, 0];
        assert_eq!(device.read(), [3, 51, 0]);
    }

    #[test]
    fn a_driver_that_reads_0_while_it_is_down_takes_nothing_away() {
        let mut device = Device {
            own: [1_000_000_000; 3],
            ..Device::default()
        };
        assert_eq!(device.write([Some(0); 3]), [0; 3]);
        device.own = [1_000_000_005; 3];
        assert_eq!(device.read(), [5; 3]);
        device.own = [0; 3];
        assert_eq!(device.read(), [5; 3]);
        device.own = [2; 3];
        assert_eq!(device.read(), [7; 3]);
    }

    #[test]
    fn a_reading_that_ends_late_is_no_restart() {
        let mut device = Device::default();
        device.write([Some(0); 3]);
        let before = device.shown.known();
        let mut late = device.own;
        device.own = [10; 3];
        assert_eq!(device.read(), [10; 3]);
        device.shown.read(&before, &mut late);
        assert_eq!(late, [10; 3]);
        device.own = [11; 3];
        assert_eq!(device.read(), [11; 3]);
    }

    #[test]
    fn a_reading_of_before_a_restart_that_ends_after_it_adds_nothing() {
        let mut device = Device {
            own: [1000; 3],
            ..Device::default()
        };
        device.write([Some(0); 3]);
        let before = device.shown.known();
        let mut late = device.own;
        device.own = [3; 3];
        assert_eq!(device.read(), [3; 3]);
        device.shown.read(&before, &mut late);
        assert_eq!(late, [3; 3]);
        assert_eq!(device.read(), [3; 3]);
    }

    #[test]
    fn a_reading_that_a_write_overtakes_adds_nothing_to_it() {
        let mut device = Device::default();
        device.write([Some(0); 3]);
        let before = device.shown.known();
        device.own = [1000; 3];
        let mut late = device.own;
        device.own = [0; 3];
        device.write([Some(50); 3]);
        device.shown.read(&before, &mut late);
        assert_eq!(late, [50; 3]);
    }

    #[derive(Clone, Debug)]
    enum Event {
        Write([Option<u64>; 3]),
        Count([u32; 3]),
        /// The counters fall to what a restarted device has counted.
        Restart([u32; 3]),
        /// A reading begins, gets what the device has counted, ends.
        Begin(usize),
        Get(usize),
        End(usize),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            any::<[Option<u64>; 3]>().prop_map(Event::Write),
            any::<[u32; 3]>().prop_map(Event::Count),
            any::<[u32; 3]>().prop_map(Event::Restart),
            (0..3_usize).prop_map(Event::Begin),
            (0..3_usize).prop_map(Event::Get),
            (0..3_usize).prop_map(Event::End),
        ]
    }

    proptest! {
        /// With a reading after each event, as exact as what is written down here.
        #[test]
        fn what_was_written_grows_by_what_is_counted(events in proptest::collection::vec(event(), 0..60)) {
            let mut device = Device::default();
            let mut model = [None; 3];
            for event in events {
                match event {
                    Event::Write(update) => {
                        device.write(update);
                        for (model, new) in model.iter_mut().zip(update) {
                            *model = new.or(*model);
                        }
                    }
                    Event::Count(more) => {
                        for ((own, model), more) in device.own.iter_mut().zip(&mut model).zip(more) {
                            *own += u64::from(more);
                            *model = model.map(|value: u64| value.wrapping_add(more.into()));
                        }
                    }
                    Event::Restart(to) => {
                        for ((own, model), to) in device.own.iter_mut().zip(&mut model).zip(to) {
                            // A counter that seems to go on has not fallen.
                            let new = if u64::from(to) < *own { to.into() } else { u64::from(to) - *own };
                            *own = to.into();
                            *model = model.map(|value| value.wrapping_add(new));
                        }
                    }
                    _ => {}
                }
                let shown = device.read();
                for ((shown, own), model) in shown.iter().zip(device.own).zip(model) {
                    prop_assert_eq!(*shown, model.unwrap_or(own));
                }
            }
        }

        /// Overlapping readings: what is shown never falls, holds no more than was counted, and
        /// without restarts all of it in the end.
        #[test]
        fn readings_overlap(events in proptest::collection::vec(event(), 0..200)) {
            let mut device = Device::default();
            device.write([Some(0); 3]);
            let (mut counted, mut last) = ([0_u64; 3], [0_u64; 3]);
            let mut restarts = false;
            let mut readings: [Option<(Known<3>, Option<[u64; 3]>)>; 3] = [None; 3];
            for event in events {
                match event {
                    // One value for all, so that the model need not know when a write was.
                    Event::Write(_) => {
                        device.write([Some(0); 3]);
                        (counted, last) = ([0; 3], [0; 3]);
                    }
                    Event::Count(more) => {
                        for i in 0..3 {
                            device.own[i] += u64::from(more[i]);
                            counted[i] += u64::from(more[i]);
                        }
                    }
                    Event::Restart(to) => {
                        restarts = true;
                        for i in 0..3 {
                            device.own[i] = to[i].into();
                            counted[i] += u64::from(to[i]);
                        }
                    }
                    Event::Begin(i) => readings[i] = Some((device.shown.known(), None)),
                    Event::Get(i) => {
                        if let Some((_, reading)) = &mut readings[i] {
                            *reading = Some(device.own);
                        }
                    }
                    Event::End(i) => {
                        if let Some((before, Some(mut reading))) = readings[i].take() {
                            device.shown.read(&before, &mut reading);
                            for field in 0..3 {
                                prop_assert!(last[field] <= reading[field]);
                                prop_assert!(reading[field] <= counted[field]);
                            }
                            last = reading;
                        }
                    }
                }
            }
            let shown = device.read();
            if !restarts {
                prop_assert_eq!(shown, counted);
            }
        }
    }
}
