use std::fs;
use std::time::Duration;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn folder() -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::new(place.path().join("made/when/needed"));
    (place, folder)
}

#[test]
fn an_authority_can_be_opened_again_and_goes_on_issuing() {
    let (_place, folder) = folder();
    assert!(!Authority::exists(&folder));
    Authority::create(&folder, "test", DAY).unwrap();
    assert!(Authority::exists(&folder));
    let authority = Authority::open(&folder).unwrap();
    authority.for_router(&folder, "press-1", DAY).unwrap();
    assert!(fs::read_to_string(folder.certificate("press-1")).unwrap().contains("BEGIN CERTIFICATE"));
    assert!(fs::read_to_string(folder.key("press-1")).unwrap().contains("PRIVATE KEY"));
}

#[test]
fn nothing_is_written_over() {
    let (_place, folder) = folder();
    let authority = Authority::create(&folder, "test", DAY).unwrap();
    let before = fs::read(folder.key("authority")).unwrap();
    let again = Authority::create(&folder, "test", DAY).unwrap_err();
    assert_eq!(again, FolderError::Exists(folder.key("authority")));
    assert_eq!(fs::read(folder.key("authority")).unwrap(), before);
    // A certificate without its key is in the way, too.
    fs::write(folder.certificate("press-1"), "mine").unwrap();
    let again = authority.for_router(&folder, "press-1", DAY).unwrap_err();
    assert_eq!(again, FolderError::Exists(folder.certificate("press-1")));
    assert!(!folder.key("press-1").exists());
    assert_eq!(fs::read_to_string(folder.certificate("press-1")).unwrap(), "mine");
}

#[cfg(unix)]
#[test]
fn keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_place, folder) = folder();
    let authority = Authority::create(&folder, "test", DAY).unwrap();
    authority.for_switch(&folder, "switch", &["localhost".into(), "::1".into()], DAY).unwrap();
    for name in ["authority", "switch"] {
        let mode = |file| fs::metadata(file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.key(name)), 0o600);
        assert_eq!(mode(folder.certificate(name)) & 0o133, 0);
    }
}

#[test]
fn names_that_cannot_be_in_a_certificate_or_would_be_another_file_are_refused() {
    let (_place, folder) = folder();
    let authority = Authority::create(&folder, "test", DAY).unwrap();
    for name in ["", ".", "..", "a/b", "../authority", "a b", "-a", "ä", "*", "authority", &"a".repeat(64)] {
        let error = authority.for_router(&folder, name, DAY).unwrap_err();
        assert!(matches!(&error, FolderError::Name { name: told, .. } if told == name), "{error}");
    }
    let error = authority.for_switch(&folder, "switch", &["no host".into()], DAY).unwrap_err();
    assert!(error.to_string().starts_with("\"no host\" cannot be in a certificate: expected letters"));
    authority.for_switch(&folder, "switch", &["*.plant.example".into()], DAY).unwrap();
}

#[test]
fn a_validity_beyond_all_measure_is_refused() {
    let (_place, folder) = folder();
    let error = Authority::create(&folder, "test", Duration::MAX).unwrap_err();
    assert!(error.to_string().ends_with("expected up to 100 years"), "{error}");
}

#[test]
fn an_authority_that_is_not_there_or_not_one_is_named() {
    let (_place, folder) = folder();
    let error = Authority::open(&folder).unwrap_err().to_string();
    assert!(error.contains("authority.key: it cannot be read"), "{error}");
    fs::create_dir_all(folder.path()).unwrap();
    fs::write(folder.key("authority"), "nothing").unwrap();
    let error = Authority::open(&folder).unwrap_err().to_string();
    assert!(error.contains("authority.key: it holds no private key in PEM"), "{error}");
}
