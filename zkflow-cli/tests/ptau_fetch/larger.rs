//! The file is made from a larger one in the same folder.

use std::fs;

use super::{NAME, Place, Server, published, send};

/// A file of the next power with the same points, and further ones that are copies: its truncation is the file.
fn grown(file: &[u8]) -> Vec<u8> {
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let (mut at, mut grown) = (12, file[..12].to_vec());
    while at < file.len() {
        let id = number(at);
        let length = u64::from_le_bytes(file[at + 4..at + 12].try_into().unwrap()) as usize;
        let mut content = file[at + 12..at + 12 + length].to_vec();
        let point = if matches!(id, 3 | 13) { 128 } else { 64 };
        let last = content[length.saturating_sub(point)..].to_vec();
        match id {
            // The prime and its length come before the power.
            1 => content[36] += 1,
            3..=5 => content.extend(last.repeat(length / point)),
            2 | 12..=15 => content.extend(last.repeat(length / point + 1)),
            _ => {}
        }
        grown.extend(id.to_le_bytes());
        grown.extend((content.len() as u64).to_le_bytes());
        grown.extend(content);
        at += 12 + length;
    }
    grown
}

fn name(power: u32) -> String {
    format!("powersOfTau28_hez_final_{power:02}.ptau")
}

#[test]
fn a_larger_file_in_the_folder_is_truncated_and_nothing_is_downloaded() {
    let server = Server::start(|request, _, out| send(&published(), "\"1\"", request, usize::MAX, out));
    let place = Place::new();
    let larger = grown(&grown(&published()));
    fs::write(place.path(&name(10)), &larger).unwrap();
    let output = place.fetch(&[&server]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    assert!(printed.contains(&format!("{NAME} truncated from")) && printed.contains(&name(10)), "{printed}");
    assert!(fs::read(place.path(NAME)).unwrap() == published());
    assert!(fs::read(place.path(&name(10))).unwrap() == larger, "the larger file is unchanged");
    assert_eq!(server.requests().len(), 0);

    // A larger file with another point is passed over, and so is one that is cut.
    fs::remove_file(place.path(NAME)).unwrap();
    let mut changed = grown(&published());
    let points = changed.windows(4).position(|window| window == [2, 0, 0, 0]).unwrap();
    assert_eq!(points, 12 + 12 + 44, "the first section of points");
    let (first, second) = (points + 12, points + 12 + 64);
    let copied = changed[first..second].to_vec();
    changed[second..second + 64].copy_from_slice(&copied);
    for wrong in [changed, larger[..larger.len() / 2].to_vec()] {
        fs::write(place.path(&name(9)), wrong).unwrap();
        let output = place.fetch(&[&server]);
        let [printed, said] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success() && said.contains("not used"), "{said}");
        assert!(printed.contains(&name(10)), "{printed}");
        assert!(fs::read(place.path(NAME)).unwrap() == published());
        fs::remove_file(place.path(NAME)).unwrap();
    }
    // Without a good one, the file is downloaded.
    fs::remove_file(place.path(&name(10))).unwrap();
    let output = place.fetch(&[&server]);
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read(place.path(NAME)).unwrap() == published());
    assert_eq!(server.requests().len(), 1);
    let mut left: Vec<_> =
        fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, [NAME, &name(9)], "nothing else is left");
}
