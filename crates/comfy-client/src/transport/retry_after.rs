//! `Retry-After` in both of its shapes, read without a clock: a date is held against the answer's own `Date`.

use std::time::Duration;

use http::header::{DATE, HeaderMap, RETRY_AFTER};

use super::header;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = header(headers, &RETRY_AFTER)?;
    let seconds = match text.trim().parse() {
        Ok(seconds) => seconds,
        Err(_) => seconds(&text)?.saturating_sub(seconds(&header(headers, &DATE)?)?),
    };
    Some(Duration::from_secs(seconds))
}

/// A date of HTTP, as in `Sun, 06 Nov 1994 08:49:37 GMT`, in seconds since March of the year 0.
fn seconds(text: &str) -> Option<u64> {
    let (_, rest) = text.trim().strip_suffix(" GMT")?.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day: u64 = parts.next()?.parse().ok().filter(|day| (1..=31).contains(day))?;
    let name = parts.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as u64;
    let year: u64 = parts.next()?.parse().ok().filter(|year| (1..=9999).contains(year))?;
    let mut clock = parts.next()?.splitn(3, ':').map(|part| part.parse::<u64>().ok().filter(|part| *part <= 60));
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    // Years begin in March here, so that the day that comes and goes is the last one.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(retry: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry.parse().unwrap());
        headers.extend(date.map(|date| (DATE, date.parse().unwrap())));
        retry_after(&headers).map(|pause| pause.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood_and_nothing_else() {
        assert_eq!(wait(" 120 ", None), Some(120));
        let at = |date| wait(date, Some("Fri, 28 Feb 2020 23:59:30 GMT"));
        assert_eq!(at("Sat, 29 Feb 2020 00:00:00 GMT"), Some(30));
        assert_eq!(at("Sun, 01 Mar 2020 00:00:30 GMT"), Some(86_400 + 60));
        assert_eq!(at("Mon, 01 Mar 2021 23:59:30 GMT"), Some(367 * 86_400));
        assert_eq!(at("Thu, 27 Feb 2020 00:00:00 GMT"), Some(0));
        for odd in [
            "",
            "-1",
            "soon",
            "Sat, 29 Feb 2020",
            "Sat, 29 Feb 2020 00:00 GMT",
            "Sat, 00 Feb 2020 00:00:00 GMT",
            "x, 1 Xyz 1 1:1:1 GMT",
        ] {
            assert_eq!(at(odd), None, "{odd}");
        }
        assert_eq!(wait("Sat, 29 Feb 2020 00:00:00 GMT", None), None);
    }

    proptest::proptest! {
        #[test]
        fn every_day_has_its_number(days in 1u64..3_000_000) {
            // The same count by the other way round: from days to a date, and back.
            let (era, rest) = (days / 146_097, days % 146_097);
            let year_of_era = (rest - rest / 1_460 + rest / 36_524 - rest / 146_096) / 365;
            let day_of_year = rest - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
            let month = (5 * day_of_year + 2) / 153;
            let day = day_of_year - (153 * month + 2) / 5 + 1;
            let year = year_of_era + era * 400 + u64::from(month >= 10);
            let name = MONTHS[((month + 2) % 12) as usize];
            proptest::prop_assume!((1..=9999).contains(&year));
            let read = seconds(&format!("Mon, {day:02} {name} {year:04} 00:00:00 GMT")).unwrap();
            proptest::prop_assert_eq!(read, days * 86_400);
        }
    }
}
