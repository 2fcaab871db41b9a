use async_snmp::MasterKey;

use super::*;

const GOOD: &str = "community = \"not-public\"\n[[user]]\nname = \"supervision\"\nauth_password = \"correct-horse\"\n\
    privacy_password = \"battery-staple\"\n[[user]]\nname = \"other\"\nauth = \"sha-512\"\n\
    auth_password = \"correct-horse\"\nprivacy_password = \"battery-staple\"\n";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The example of RFC 3414 (A.3.2): password `maplesyrup`, engine 00 00 00 00 00 00 00 00 00 00 00 02. RFC 7860 says the same of
/// SHA-2 and has no numbers: these were made by Python's `hashlib`.
#[test]
fn keys_are_made_of_passwords_as_the_rfcs_say() {
    let engine = [&[0; 11][..], &[2]].concat();
    for (protocol, master, localized) in [
        (AuthProtocol::Sha1, "9fb5cc0381497b3793528939ff788d5d79145211", "6695febc9288e36282235fc7151f128497b38f3f"),
        (
            AuthProtocol::Sha224,
            "282a5867ee9aac639ad59df9572c7d3ac0fbc13a905b6df07dbbf00b",
            "0bd8827c6e29f8065e08e09237f177e410f69b90e1782be682075674",
        ),
        (
            AuthProtocol::Sha256,
            "ab51014d1e077f6017df2b12bee5f5aa72993177e9bb569c4dff5a4ca0b4afac",
            "8982e0e549e866db361a6b625d84cccc11162d453ee8ce3a6445c2d6776f0f8b",
        ),
        (
            AuthProtocol::Sha384,
            concat!(
                "e06eccdf2c68a06ed034723c9c26e0db3b669e1e2efed49150b55377a2e98f38",
                "3c86fb836857444654b287c93f51ff64",
            ),
            concat!(
                "3b298f16164a11184279d5432bf169e2d2a48307de02b3d3f7e2b4f36eb6f045",
                "5a53689a3937eea07319a633d2ccba78",
            ),
        ),
        (
            AuthProtocol::Sha512,
            concat!(
                "7e4396de5aadc77be853819b98c9406265b3a9c37cc3176569847a4e4f6fba63",
                "dd3a73d04924d31a63f95a601f9385af6be4ed1b37f87d040f7c6ed6f8d38a91",
            ),
            concat!(
                "22a5a36cedfcc085807a128d7bc6c2382167ad6c0dbc5fdff856740f3d84c099",
                "ad1ea87a8db096714d9788bd544047c9021e4229ce27e4c0a69250adfcffbb0b",
            ),
        ),
    ] {
        let key = MasterKey::from_password(protocol, b"maplesyrup").expect("long enough");
        assert_eq!(hex(key.as_bytes()), master, "{protocol}");
        assert_eq!(hex(key.localize(&engine).expect("an engine").as_bytes()), localized, "{protocol}");
    }
}

#[test]
fn only_the_whole_community_opens() {
    let secrets = Secrets::parse("snmp.users", GOOD).expect("good");
    assert!(secrets.is_community(b"not-public") && secrets.has_community() && secrets.users() == 2);
    for word in [&b"not-publi"[..], b"not-public\0", b"", b"Not-public"] {
        assert!(!secrets.is_community(word), "{word:?}");
    }
    let none = Secrets::parse("snmp.users", &GOOD.replace("community = \"not-public\"\n", "")).expect("good");
    assert!(!none.has_community() && !none.is_community(b""), "none is no empty one");
    assert_eq!(format!("{secrets:?}"), "Secrets(2 users, a community)");
}

#[test]
fn every_user_has_keys_of_his_own_for_each_engine() {
    let secrets = Secrets::parse("snmp.users", GOOD).expect("good");
    let keys = |engine: &[u8]| -> Vec<(String, String, String)> {
        let told = secrets.localized(engine).into_iter();
        told.map(|(name, keys)| (name, hex(keys.auth.as_bytes()), hex(keys.privacy.encryption_key()))).collect()
    };
    let (one, other) = (keys(b"engine-1"), keys(b"engine-2"));
    assert_eq!(one.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["supervision", "other"]);
    assert_eq!([one[0].1.len(), one[1].1.len(), one[0].2.len()], [64, 128, 32], "SHA-256, SHA-512, AES-128");
    assert!(one[0].1 != other[0].1 && one[0].2 != other[0].2 && one[0].1[..32] != one[0].2);
}

#[test]
fn what_is_no_list_of_users_is_refused_by_line_and_shows_no_secret() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(GOOD.contains(from));
        let error = Secrets::parse("snmp.users", &GOOD.replacen(from, to, 1)).expect_err(expected).to_string();
        let shows = ["horse", "staple", "not-public"].iter().any(|secret| error.contains(secret));
        assert!(error.contains(expected) && !shows, "`{expected}` in `{error}`");
    };
    check("correct-horse", "horse", "snmp.users:2: user: auth_password: expected 8 to 128");
    check("battery-staple", "staple \u{e9}", "user: privacy_password: expected 8 to 128");
    check("battery-staple", "correct-horse", "user: auth_password and privacy_password are the same");
    check("supervision", "other", "snmp.users:6: user: `other` is there twice");
    check("supervision", "", "user: name: expected 1 to 32");
    check("\"sha-512\"", "\"md5\"", "sha-224 to sha-512");
    check("privacy_password =", "privacy =", "is no list of [[user]]");
    check("not-public", "public", "snmp.users:1: community: expected 8 to 64");
    check("not-public", "not-public@A1", "without `@`");
}
