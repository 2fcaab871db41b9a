//! Whoever asks by version 3, in tests: what he sends, and how he reads what comes back.

use std::time::Instant;

use async_snmp::ber::Decoder;
use async_snmp::message::{MsgFlags, MsgGlobalData, RawMsgData, RawV3Message, ScopedPdu, SecurityLevel, V3Message};
use async_snmp::pdu::Pdu;
use async_snmp::v3::auth::{authenticate_message, verify_message};
use async_snmp::v3::{SaltCounter, UsmSecurityParams};
use async_snmp::{DecodeConfig, MessageSize, Oid, RequestPdu, Version};

use crate::engine::Engine;
use crate::secrets::{Keys, Secrets};

/// The file that managers of tests are in.
pub const USERS: &str = "community = \"not-public\"\n[[user]]\nname = \"supervision\"\n\
    auth_password = \"correct-horse\"\nprivacy_password = \"battery-staple\"\n";

/// What he says, and of what he makes it.
pub struct Manager {
    pub engine: Vec<u8>,
    pub context_engine: Vec<u8>,
    pub boots: u32,
    pub time: u32,
    pub user: Vec<u8>,
    pub keys: Keys,
    pub level: SecurityLevel,
    pub context: Vec<u8>,
    pub size_max: i32,
    pub reportable: bool,
}

pub fn secrets() -> Secrets {
    Secrets::parse("snmp.users", USERS).expect("good")
}

/// An engine that was begun so often, now.
pub fn engine(boots: u32, now: Instant) -> Engine {
    let home = tempfile::tempdir().expect("a folder");
    let begin = || Engine::begin(&home.path().join("snmp-engine"), now).expect("room");
    (1..boots).fold(begin(), |_, _| begin())
}

/// A request for one object.
pub fn get(arcs: &[u32]) -> Pdu {
    RequestPdu::get(Version::V3, 77, &[Oid::from_slice(arcs)]).expect("good").into()
}

impl Manager {
    /// One who knows this engine and its time.
    pub fn new(engine: &Engine, now: Instant) -> Self {
        let (user, keys) = secrets().localized(engine.id()).swap_remove(0);
        let (boots, time) = engine.time(now);
        Self {
            engine: engine.id().to_vec(),
            context_engine: engine.id().to_vec(),
            boots,
            time,
            user: user.into_bytes(),
            keys,
            level: SecurityLevel::AuthPriv,
            context: Vec::new(),
            size_max: 65_507,
            reportable: true,
        }
    }

    /// One who knows no engine yet.
    pub fn stranger(engine: &Engine, now: Instant) -> Self {
        let level = SecurityLevel::NoAuthNoPriv;
        Self { engine: Vec::new(), context_engine: Vec::new(), user: Vec::new(), level, ..Self::new(engine, now) }
    }

    pub fn ask(&self, pdu: Pdu) -> Vec<u8> {
        let flags = MsgFlags::new(self.level, self.reportable);
        let size = MessageSize::from_i32(self.size_max).expect("at least 484");
        let head = MsgGlobalData::new(5, size, flags).expect("good");
        let scoped = ScopedPdu::new(self.context_engine.clone(), self.context.clone(), pdu);
        let params = match &self.engine[..] {
            [] => UsmSecurityParams::discovery(),
            id => UsmSecurityParams::new(id.to_vec(), self.boots, self.time, self.user.clone()).expect("good"),
        };
        let mac = self.keys.auth.mac_len();
        let message = match self.level {
            SecurityLevel::NoAuthNoPriv => V3Message::new(head, params.encode().expect("good"), scoped),
            SecurityLevel::AuthNoPriv => {
                let params = params.with_auth_placeholder(mac).expect("good");
                V3Message::new(head, params.encode().expect("good"), scoped)
            }
            SecurityLevel::AuthPriv => {
                let salts = SaltCounter::new().expect("random");
                let plain = scoped.encode_to_bytes().expect("good");
                let (secret, salt) = self.keys.privacy.encrypt_aes(&plain, self.boots, self.time, &salts).expect("AES");
                let params = params.with_auth_placeholder(mac).expect("good").with_priv_params(salt).expect("good");
                V3Message::new_with_opaque_encrypted_scoped_pdu(head, params.encode().expect("good"), secret)
            }
        };
        let mut bytes = message.expect("good").encode().expect("good").to_vec();
        if self.level.requires_auth() {
            let (at, length) = UsmSecurityParams::find_auth_params_offset(&bytes).expect("signed");
            authenticate_message(&self.keys.auth, &mut bytes, at, length).expect("good");
        }
        bytes
    }

    /// What an answer says, and how it is kept; it must be signed and encrypted as it says.
    pub fn read(&self, answer: &[u8]) -> (SecurityLevel, ScopedPdu) {
        let raw = RawV3Message::decode(answer.to_vec().into(), DecodeConfig::STRICT).expect("a message").value;
        let params = UsmSecurityParams::decode(raw.security_params().clone(), DecodeConfig::STRICT);
        let params = params.expect("USM").value;
        let level = raw.security_level();
        assert_eq!((raw.msg_id(), raw.global_data().msg_flags().reportable), (5, false));
        if level.requires_auth() {
            let (at, length) = UsmSecurityParams::find_auth_params_offset(answer).expect("signed");
            assert!(verify_message(&self.keys.auth, answer, at, length).expect("SHA-2"), "signed by another");
        }
        let plain = match raw.msg_data() {
            RawMsgData::Plaintext { data, .. } => data.clone(),
            RawMsgData::Encrypted(secret) => {
                let (boots, time) = (params.engine_boots(), params.engine_time());
                self.keys.privacy.decrypt(secret, boots, time, params.priv_params()).expect("AES")
            }
        };
        let mut decoder = Decoder::new(plain).with_decode_config(DecodeConfig::STRICT);
        (level, ScopedPdu::decode(&mut decoder).expect("a scoped PDU"))
    }
}
