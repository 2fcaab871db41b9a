//! Whole-system tests, all in one program: as a program each, they would be linked with the same libraries over and over, which
//! takes longer than to compile them.

mod appliances;
mod arrows;
mod bad_input;
mod baselines;
mod cluster_life;
mod dashboard;
mod dashboard_by_hand;
mod demo;
mod dpcn;
mod drill;
mod end_to_end;
mod forecast_fallbacks;
mod forecast_runtime;
mod leader_transfer;
mod materials;
mod modbus;
mod model_governance;
mod no_packet_leaves;
mod nut;
mod observability;
mod operators;
mod packaging;
mod redfish;
mod remote_write;
mod runbooks;
mod second_opinion;
mod server_power;
mod snmp;
mod stolen_key;
